"""What all files of predictions have in common: a name by their contents, and one day."""

import hashlib
from datetime import date
from pathlib import Path

import polars as pl

from ml_assets.errors import UserError


def digest(path: Path) -> str:
    """Twelve hex digits that name a file by its contents."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def single_day(path: Path, frame: pl.DataFrame) -> date | None:
    """The day that all rows of `data_as_of` name, if there is that column; `UserError` where they name several."""
    if "data_as_of" not in frame.columns or frame.is_empty():
        return None
    days = frame["data_as_of"].unique().sort().to_list()
    if len(days) > 1:
        raise UserError(
            f"{path} mixes data as of {days[0]} and {days[-1]}.", "Import one day at a time.", code="file.refused"
        )
    found: date = days[0]
    return found
