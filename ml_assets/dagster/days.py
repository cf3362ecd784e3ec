"""Which days a command can run, and which must be loaded before: of the calendar, the source and the lake.

How a day is run belongs to `runner.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from ml_assets.dagster.shop import Shop
from ml_assets.errors import UserError
from ml_assets.events.load import empty_days, missing_ranges
from ml_assets.lake import Lake
from ml_assets.sources.base import EventSource, days_of

LONGEST_CLOSURE = 7  # days


def newest_day(shop: Shop, source: EventSource) -> date:
    """The newest day that is over and has events."""
    if shop.calendar.last_day is None:
        raise UserError(
            f"No day is over since {shop.calendar.first_day}.", "Wait until tomorrow.", code="day.out_of_range"
        )
    newest = min(shop.calendar.last_day, source.days().last)
    # A shop may have been closed on its newest days; further back is the business of `check_day`.
    return max(days_with_events(shop, source, newest - timedelta(days=LONGEST_CLOSURE - 1), newest), default=newest)


@dataclass(frozen=True)
class AbsentDays:
    """Days that are over, have business, and of which the source has no line, though nothing says that none come."""

    overdue: list[date]
    """Those that should have come by now."""
    awaited: list[date]
    """Those that need not have: it is not yet time for their daily run."""


def absent_days(shop: Shop, source: EventSource, newest: date, now: datetime) -> AbsentDays:
    """The days after `newest`, the newest one with events.

    None where the source is whole, or days may be empty. A day is due when its daily run is (`schedules.daily_at`).
    """
    settings = shop.settings
    last = shop.calendar.last_day
    if source.is_whole or settings.events.allow_empty_days or last is None:
        return AbsentDays([], [])
    after = (newest + timedelta(days=number) for number in range(1, (last - newest).days + 1))
    absent = settings.calendar.with_business(after)
    at = time.fromisoformat(settings.schedules.daily_at)
    due = {day for day in absent if now >= datetime.combine(day + timedelta(days=1), at, tzinfo=settings.tz)}
    return AbsentDays([day for day in absent if day in due], [day for day in absent if day not in due])


def check_day(shop: Shop, source: EventSource, day: date) -> None:
    """Refuse a day that cannot be run, before anything is changed."""
    calendar = shop.calendar
    last = calendar.last_day or calendar.first_day
    if not calendar.first_day <= day <= last:
        raise UserError(
            f"The day {day} is outside the range {calendar.first_day} to {last}.",
            "Choose a day that is over; set start_date to load earlier days.",
            code="day.out_of_range",
        )
    if day < calendar.first_week:
        raise UserError(
            f"The day {day} lies in the first week of data, so no model could be trained before its week.",
            f"Choose {calendar.first_week} or later, or set start_date to an earlier day.",
            code="day.out_of_range",
        )
    covered = source.days()
    if not shop.settings.events.allow_empty_days and not covered.first <= day <= covered.last:
        raise empty_days(source, day, day)


def days_with_events(shop: Shop, source: EventSource, first: date, last: date) -> set[date]:
    """The days from `first` to `last` for which the source has lines, or need not have any."""
    if shop.settings.events.allow_empty_days:
        return {first + timedelta(days=number) for number in range((last - first).days + 1)}
    return days_of(source, first, last)


def open_days(shop: Shop, source: EventSource, wanted: Sequence[date]) -> list[date]:
    """Of days in their order those with events; raises `UserError` where one cannot be run, or none has events."""
    for day in wanted:
        check_day(shop, source, day)
    found = days_with_events(shop, source, wanted[0], wanted[-1])
    if not found:
        raise empty_days(source, wanted[0], wanted[-1])
    return [day for day in wanted if day in found]


def ranges_to_load(shop: Shop, source: EventSource, lake: Lake, day: date) -> list[tuple[date, date]]:
    """The days in the look-back of a day that the source covers and the lake has not, as ranges (first, last)."""
    first = max(shop.calendar.first_day, day - timedelta(days=shop.settings.lookback_days - 1))
    covered = source.days()
    wanted = [first + timedelta(days=number) for number in range((day - first).days)]
    present = {date.fromisoformat(key) for key in lake.partitions("transactions")}
    ranges = missing_ranges([known for known in wanted if covered.first <= known <= covered.last], present)
    # The day itself brings the catalogue where no other day has to be loaded.
    return ranges or ([] if lake.exists("items") else [(day, day)])
