"""Which column has the time of the purchase: by its name, by how many lines have it, and over how many days it lies.

What a moment is called says most; a column that few lines have, or that holds one day where others hold many, is
another's moment whatever it is called.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ml_assets.sources.columns import Reading
from ml_assets.sources.guess.names import NAMES, PAST, WORDS, is_end_or_birth, is_of_later, rank, rank_of_past
from ml_assets.sources.orders import SUFFIX
from ml_assets.sources.times import STYLES, UTC_TIME, read_times

# What a look needs to be sure: values of a column that are times, by whether its name says that they are.
NAMED, UNNAMED = 0.8, 0.99
# Of the lines that the best filled column has, fewer are not all purchases.
FILLED = 0.5
GLANCE, GLANCED = 50, 0.1
OTHERS = ("customer", "item", "order")
"""Fields whose ids may look like seconds since 1970."""
UNKNOWN = len(NAMES["time"]) + sum(len(words.beside) for words in WORDS["time"]) + len(PAST)


@dataclass(frozen=True)
class Moment:
    """A column that holds times."""

    column: str
    rank: int
    """How unlikely its name is; `UNKNOWN` where the name says nothing."""
    share: float
    """Of its values, those that are times."""
    filled: float
    """Of the lines, those that have one."""
    days: int

    @property
    def why(self) -> str:
        """For people."""
        told = "by its name" if self.rank < UNKNOWN else "the likeliest column whose values are all times"
        later = "; no column has the time of the purchase itself" if is_of_later(self.column) else ""
        days = f"{self.days:,} day{'s' * (self.days != 1)}"
        return f"{told}; {self.share:.0%} of its values are times, {self.filled:.0%} filled, on {days}{later}"


def time_among(sample: pl.DataFrame, columns: Sequence[str], reading: Reading) -> Moment | None:
    """The column that most likely says when something was bought; None where there is none.

    When something was deleted, cancelled or is to expire, or somebody was born, is never taken.
    """
    found = [moment for column in columns if (moment := _moment(sample[column], reading))]
    most = max((moment.filled for moment in found), default=0.0)
    several = any(moment.days > 1 for moment in found)

    def merit(moment: Moment) -> tuple[bool, bool, bool, int]:
        return (
            moment.filled < FILLED * most,
            is_of_later(moment.column),
            several and moment.days <= 1,
            moment.rank,
        )

    return min(found, key=merit, default=None)


def are_times(given: pl.Series, reading: Reading) -> bool:
    """Whether all of some values are times, and no short numbers."""
    return not _may_be_ids(given) and bool(_days(given, reading).is_not_null().all())


def _moment(values: pl.Series, reading: Reading) -> Moment | None:
    name = values.name.removesuffix(SUFFIX)
    if is_end_or_birth(name):
        return None
    place = rank("time", name)
    past = rank_of_past(name)
    if place is None and past is not None and not _may_be_ids(values):
        place = UNKNOWN - len(PAST) + past
    if place is None and (any(rank(field, name) is not None for field in OTHERS) or _may_be_ids(values)):
        return None
    given = values.to_frame().select(reading.is_given(values.name, values.to_frame().schema)).to_series()
    if not given.any():
        return None
    # Most columns are told by a glance to hold no times.
    if place is None and _days(values.filter(given).head(GLANCE), reading).is_null().mean() > GLANCED:  # type: ignore[operator]
        return None
    days = _days(values, reading)
    share = int((days.is_not_null() & given).sum()) / int(given.sum())
    if share < (UNNAMED if place is None else NAMED):
        return None
    return Moment(
        values.name, UNKNOWN if place is None else place, share, int(given.sum()) / len(given),
        days.drop_nulls().n_unique(),
    )  # fmt: skip


def _days(values: pl.Series, reading: Reading) -> pl.Series:
    """The days of values that are times, in any of the styles; null for others."""
    if values.dtype in (pl.Date, pl.Datetime):
        return values.cast(pl.Date)
    nothing = pl.Series(values.name, [None] * len(values), dtype=pl.Date)
    if values.dtype.is_float() or values.dtype.is_temporal() or values.dtype == pl.Boolean:
        return nothing
    texts = values.to_frame().select(reading.text(values.name)).to_series()
    read = pl.DataFrame([read_times(texts, style, "UTC").cast(UTC_TIME).alias(style) for style in STYLES])
    return read.select(pl.coalesce(pl.all()).cast(pl.Date)).to_series()


def _may_be_ids(values: pl.Series) -> bool:
    """Numbers too short for a date or for seconds since 1970, which days of a spreadsheet look like."""
    if values.dtype.is_temporal():
        return False
    return bool(values.cast(pl.String).str.strip_chars().str.contains(r"^\d{1,7}(\.\d+)?$").any())
