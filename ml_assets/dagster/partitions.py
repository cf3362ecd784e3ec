"""Time: the daily and weekly partitions of a shop, and how they look at each other.

A model of week W (its Monday) is trained on events before that Monday, so its partition exists from Monday on
(`end_offset=1`), and the default mapping leads from a day to the model of its own week: no leakage.
"""

import warnings
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg

from ml_assets.settings.shop import Settings
from ml_assets.sources.base import EventSource


@dataclass(frozen=True)
class Calendar:
    """Partitions of one shop, in its time zone."""

    first_day: date
    first_week: date
    """The first Monday with history before it."""
    end: date | None
    """The day after the last one of a finished data set."""
    daily: dg.DailyPartitionsDefinition
    weekly: dg.WeeklyPartitionsDefinition
    lookback: dg.TimeWindowPartitionMapping
    """From a day to the days that its features look back on."""
    week_before: dg.TimeWindowPartitionMapping
    """From a week to the days of the week before it."""

    @property
    def last_day(self) -> date | None:
        """The newest day that is over; None before the first one is."""
        last = self.daily.get_last_partition_key()
        return date.fromisoformat(last) if last else None


def build_calendar(settings: Settings, source: EventSource) -> Calendar:
    """Partitions from the first day to load until yesterday; a finished data set ends with its last day."""
    first = settings.start_date or source.first_day()
    fixed = settings.source.kind == "complete_journey" and not settings.source.replay
    end = source.days().last + timedelta(days=1) if fixed else None
    monday = first + timedelta(days=7 - first.weekday())
    with warnings.catch_warnings():
        # Marked beta in the pinned Dagster; without it a look-back that reaches before the first day is an error.
        warnings.simplefilter("ignore", dg.BetaWarning)
        lookback, week_before = (
            dg.TimeWindowPartitionMapping(
                start_offset=start, end_offset=end_offset, allow_nonexistent_upstream_partitions=True
            )
            for start, end_offset in ((1 - settings.lookback_days, 0), (-1, -1))
        )
    return Calendar(
        first_day=first,
        first_week=monday,
        end=end,
        daily=dg.DailyPartitionsDefinition(
            start_date=first.isoformat(), end_date=end.isoformat() if end else None, timezone=settings.timezone
        ),
        weekly=dg.WeeklyPartitionsDefinition(
            start_date=monday.isoformat(),
            end_date=(end + timedelta(days=7 - end.weekday())).isoformat() if end else None,
            timezone=settings.timezone,
            day_offset=1,
            end_offset=1,
        ),
        lookback=lookback,
        week_before=week_before,
    )


def week_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())
