"""What is said of a file that cannot be read."""

import zlib

import polars as pl

from ml_assets.errors import PassingError, UserError
from ml_assets.sources.broken_lines import broken_line

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
    if isinstance(error, pl.exceptions.NoDataError):
        return kind(
            f"{path} is empty: it has not even a header.",
            "Deliver it again, whole, or take it out of the folder; a day without sales is a header alone, or no file.",
            code="source.unreadable",
        )
    if isinstance(error, pl.exceptions.PolarsError) and "://" not in path and (broken := broken_line(path)):
        return kind(
            f"{path} cannot be read: {broken}.",
            "Mend the line (what holds separators stands in quotes, quotes within quotes are doubled) and deliver the "
            "file again; source.csv_quote: '' reads quotes as text.",
            code="source.unreadable",
        )
    return kind(
        f"{path} cannot be read: {str(error).partition(chr(10))[0]}.",
        "Deliver the file again, whole, or take it out of the folder.",
        code="source.unreadable",
    )


def collected(path: str, frame: pl.LazyFrame, *, streaming: bool = False) -> pl.DataFrame:
    """The few rows of a frame; `streaming` holds less in memory, and keeps no order.

    Raises `UserError` where the file turns out to be damaged.
    """
    try:
        return frame.collect(engine="streaming" if streaming else "in-memory")
    except pl.exceptions.PolarsError as error:
        raise unreadable_file(path, error) from None
