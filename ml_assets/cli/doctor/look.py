"""What the doctor reads of the shop's data, once, for all checks."""

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from ml_assets.events.contract import CheckedLines, check_lines
from ml_assets.ids import polars_type
from ml_assets.settings.shop import Settings
from ml_assets.sources.base import DayRange, EventSource, HoldsLaterLines

DAYS_READ = 91
"""The newest days, thirteen weeks."""
EXAMPLES = 3


@dataclass(frozen=True)
class Look:
    """What was read."""

    settings: Settings
    covered: DayRange
    checked: CheckedLines
    items: pl.DataFrame
    today: date
    later: pl.DataFrame
    """Some lines dated after today: source, line, time."""
    later_count: int
    """How many there are."""

    @property
    def purchases(self) -> pl.DataFrame:
        """Lines that are events."""
        return self.checked.valid.filter(~pl.col("is_return"))


def read_look(settings: Settings, source: EventSource, today: date) -> Look:
    """Read the newest days and the catalogue."""
    types, covered = source.id_types(), source.days()
    first = max(covered.first, covered.last - timedelta(days=DAYS_READ - 1))
    lines = source.read_lines(first, covered.last)
    measured = pl.Series("item_id", [], dtype=polars_type(types.item))
    checked = check_lines(lines, settings.events, measured)
    count = source.count_later() if isinstance(source, HoldsLaterLines) else 0
    later = source.later_lines() if count and isinstance(source, HoldsLaterLines) else pl.DataFrame()
    return Look(settings, covered, checked, source.read_items(), today, later, count)
