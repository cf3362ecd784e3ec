"""The files that a setting names: one file, a folder or a glob, on this machine or in an object store.

Opening them belongs to `mapped.py`.
"""

import glob
import os
from pathlib import Path

from upath import UPath

from ml_assets.errors import UserError
from ml_assets.settings.source import FilesSource
from ml_assets.sources.formats.open import format_of
from ml_assets.stores import place


def find_files(pattern: str, setting: str, source: FilesSource) -> list[str]:
    """The files behind a file, folder or glob, in the order of their names."""
    if "://" in pattern:
        found = _stored(pattern)
    elif os.path.isdir(pattern):  # noqa: PTH112 False, and no error, below a folder that is closed to this user
        found = [str(path) for path in Path(pattern).rglob("*") if path.is_file()]
    else:
        found = glob.glob(pattern, recursive=True)  # noqa: PTH207 the pattern may be absolute
    known = sorted(
        path
        for path in found
        # A file that is named is meant, whatever its ending.
        if (path == pattern and "://" not in path)
        or (format_of(path, source) and not Path(path).name.startswith((".", "_")))
    )
    if not known:
        if closed := _closed(pattern):
            raise UserError(
                f"{setting}: {closed} may not be read by the user that ml-assets runs as.",
                "Give that user the right to read the folder and the files in it.",
                code="source.unreadable",
            )
        raise UserError(
            f"{setting}: no CSV, Parquet, Arrow, NDJSON or Excel file is found at {pattern}.",
            "Give a file, a folder or a glob; set source.format where files have other endings.",
            code="source.unreadable",
        )
    return known


def _stored(pattern: str) -> list[str]:
    """The files behind a URL, a folder's URL or a glob in an object store."""
    # fsspec remembers listings for as long as the process runs; new files must be seen.
    place(pattern).fs.invalidate_cache()
    fixed, wildcard, _ = pattern.partition("*")
    if not wildcard:
        folder = UPath(pattern)
        return [str(path) for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else [pattern]
    root = fixed.rpartition("/")[0]
    return [str(path) for path in UPath(root).glob(pattern.removeprefix(f"{root}/")) if path.is_file()]


def _closed(pattern: str) -> Path | None:
    """The local folder on the way to a pattern, or behind it, that this user may not look into."""
    if "://" in pattern:
        return None
    path = Path(pattern).absolute()
    for folder in (*reversed(path.parents), path):
        try:
            if folder.is_dir():
                os.scandir(folder).close()
        except PermissionError:
            # Those above may be passed through without being listed.
            if folder == path or not os.path.lexists(folder / path.parts[len(folder.parts)]):
                return folder
    return None
