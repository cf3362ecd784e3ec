"""Folders and files by path or URL, local or in an object store."""

from upath import UPath

from ml_assets.errors import UserError

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure"}
"""The optional dependencies that a protocol needs."""


def place(where: str) -> UPath:
    """The path or URL; raises `UserError` where its store is none that is known, or lacks its package."""
    try:
        found = UPath(where)
        # Opens the store, or finds that its package is missing.
        _ = found.fs
    except (ImportError, ValueError, AttributeError):
        protocol = where.partition("://")[0]
        extra = EXTRAS.get(protocol)
        raise UserError(
            f"{where}: there is no way to reach {protocol}:// here.",
            f"Install it: pip install 'ml-assets[{extra}]'."
            if extra
            else f"Use a path, or one of {', '.join(f'{name}://' for name in EXTRAS)}.",
            code="source.unreadable",
        ) from None
    return found
