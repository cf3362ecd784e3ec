"""What a day of the source contains, in a few characters: rows and a fingerprint of their content.

The order of the lines, their files and their places in them do not count; every value and every repetition does.
Polars promises equal hashes within one of its versions only, so the version is part of the fingerprint, and
fingerprints of two versions say nothing about each other. The mixer of `models/cards.py`, which is stable, takes some
tens of times as long, and every look at the source counts all lines of its window.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from operator import add

import polars as pl

from ml_assets.sources.base import COST, LINE_COLUMNS

WHERE_IT_LAY = ("source", "line", "source_day")
CONTENT = tuple(column for column in LINE_COLUMNS if column not in WHERE_IT_LAY)
NOTHING = "empty"
SEED = 20170101
Sums = tuple[int, int, int]
"""Rows, and the sums of the lower and the upper halves of their hashes."""


@dataclass(frozen=True)
class DayContent:
    """The lines delivered under one day."""

    rows: int
    fingerprint: str

    def differs_from(self, other: "DayContent") -> bool:
        """Whether the content is known to be another one."""
        if self.rows != other.rows:
            return True
        mine, theirs = self.fingerprint, other.fingerprint
        comparable = mine.partition(":")[0] == theirs.partition(":")[0]
        return comparable and mine != theirs


EMPTY = DayContent(0, NOTHING)


def fingerprint_days(lines: pl.DataFrame) -> dict[date, DayContent]:
    """The content of every day in a frame of lines (`sources.base.LINE_COLUMNS`)."""
    return {day: content_of(sums) for day, sums in sums_by_day(lines).items() if day is not None}


def sums_by_day(lines: pl.DataFrame) -> dict[date | None, Sums]:
    """What fingerprints are made of; the sums of parts of a day can be added."""
    # Hashes are added as two halves of 32 bits, whose sums cannot overflow.
    hashes = _hashes(lines).cast(pl.UInt64)
    days = lines["source_day"]
    halves = pl.DataFrame({"day": days, "low": hashes & 0xFFFFFFFF, "high": hashes // 2**32})
    if days.is_sorted():
        halves = halves.with_columns(pl.col("day").set_sorted())
    sums = halves.group_by("day").agg(pl.len(), pl.col("low").sum(), pl.col("high").sum())
    return {day: (rows, low, high) for day, rows, low, high in sums.iter_rows()}


def _hashes(lines: pl.DataFrame) -> pl.Series:
    """Of each line; one without a cost has that of shops without costs, so that mapping them changes what has one."""
    hashes = lines.select(CONTENT).hash_rows(SEED)
    if COST not in lines.columns:
        return hashes
    with_costs = lines.select(*CONTENT, COST).hash_rows(SEED)
    return hashes.zip_with(lines[COST].is_null(), with_costs)


def added(sums: Mapping[date | None, Sums], more: Mapping[date | None, Sums]) -> dict[date | None, Sums]:
    """The sums of two parts of the days."""
    none = (0, 0, 0)
    return {**sums, **{day: tuple(map(add, sums.get(day, none), part)) for day, part in more.items()}}


def content_of(sums: Sums) -> DayContent:
    """The content of a day of which all sums are added."""
    rows, low, high = sums
    return DayContent(rows, f"polars-{pl.__version__}:{low:x}-{high:x}")
