"""Whether a file begins with the names of its columns, or with its first line of data."""

import re
from collections.abc import Sequence

import polars as pl

from ml_assets.sources.columns import Reading
from ml_assets.sources.times import STYLES, read_times

NUMBER = r"^-?\d+([.,]\d+)*$"
# What Polars appends to a name that is there twice.
REPEATED = re.compile(r"_duplicated_\d+$")
ENOUGH = 0.8


def is_data(first_line: Sequence[str], sample: pl.DataFrame, reading: Reading) -> bool:
    """Whether the line that was taken for names holds values: times, or numbers above columns of numbers.

    A name such as 2024 above numbers is taken for a value: tables with a column a year are no order lines.
    """
    for name, column in zip(first_line, sample.columns, strict=False):
        value = REPEATED.sub("", name).strip()
        if re.fullmatch(NUMBER, value):
            given = sample.select(reading.text(column)).to_series().drop_nulls()
            if len(given) and int(given.str.contains(NUMBER).sum()) >= ENOUGH * len(given):
                return True
        elif any(read_times(pl.Series([value]), style, "UTC").is_not_null().all() for style in STYLES):
            return True
    return False


def numbered_names(count: int) -> list[str]:
    """Names for columns that have none."""
    return [f"column_{number}" for number in range(1, count + 1)]
