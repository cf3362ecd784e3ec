"""What is said of a file that cannot be read."""

import zlib

import polars as pl

from ml_assets.errors import PassingError, UserError

FAULTS = (pl.exceptions.PolarsError, OSError, EOFError, zlib.error)
"""What libraries raise for files that cannot be read."""


def unreadable_file(path: str, error: Exception) -> UserError:
    """The complaint about a damaged file; of the library's words the first line, the rest is for programmers."""
    # Of a store the library's words do not tell a damaged file from a network that failed.
    passes = "://" in path or (isinstance(error, OSError) and not isinstance(error, PermissionError))
    kind = PassingError if passes else UserError
    if "utf-8" in str(error):
        return kind(
            f"{path} is not written in UTF-8 throughout, although it begins so.",
            "Export it as UTF-8 (a spreadsheet calls it CSV UTF-8), or set source.encoding, such as windows-1252.",
            code="source.unreadable",
        )
    return kind(
        f"{path} cannot be read: {str(error).partition(chr(10))[0]}.",
        "Deliver the file again, whole, or take it out of the folder.",
        code="source.unreadable",
    )
