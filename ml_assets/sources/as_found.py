"""What was found out about how a shop's files are written, in words, by the setting that says otherwise.

Only telling belongs here: finding out is done by `formats/` for each file and by `first_look.py` for the shop.
"""

from collections.abc import Iterator

import polars as pl

from ml_assets.settings.source import FilesSource
from ml_assets.sources.columns import Reading
from ml_assets.sources.formats.csv import SIGNS_IN_WORDS, find_dialect
from ml_assets.sources.formats.open import format_of

DATES = {
    "2026-12-31": "dates begin with the year, or name the month",
    "31.12.2026": "dates have the day first, as 31.12.2026",
    "12/31/2026": "dates have the month first, as 12/31/2026",
}
NUMBERS = {
    "1,234.56": "decimals stand after a point, as 1,234.56",
    "1.234,56": "decimals stand after a comma, as 1.234,56",
}


def files_as_found(path: str, frame: pl.LazyFrame, source: FilesSource, reading: Reading) -> Iterator[tuple[str, str]]:
    """Setting and words, of the shop and of its file at `path`; nothing that the settings say themselves."""
    columns, kinds = source.columns, frame.collect_schema()
    if format_of(path, source) == "csv":
        dialect = find_dialect(path, source, list(columns.model_dump(exclude_none=True).values()))
        if source.encoding == "auto":
            yield "source.encoding", f"files are written in {dialect.encoding}"
        if source.csv_separator == "auto":
            sign = SIGNS_IN_WORDS.get(dialect.separator, repr(dialect.separator))
            yield "source.csv_separator", f"{sign} stand between the fields"
    numbers = [column for column in (columns.quantity, columns.amount, columns.cost) if column]
    if source.numbers == "auto" and any(kinds[column] == pl.String for column in numbers):
        yield "source.numbers", NUMBERS[reading.numbers]
    time = kinds[columns.time]
    if source.dates == "auto" and time == pl.String:
        yield "source.dates", DATES[reading.dates]
    if not (isinstance(time, pl.Datetime) and time.time_zone):
        yield zone(reading.timezone)


def zone(timezone: str) -> tuple[str, str]:
    """What is taken of times that say nothing themselves."""
    return "timezone", f"times without a zone of their own are in {timezone}"
