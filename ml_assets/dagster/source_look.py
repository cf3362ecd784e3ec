"""A look at the source beside what the lake and the books hold, for the sensor and for `ml-assets run` alike.

Only gathering belongs here: what follows is decided in `events/arrivals.py`, and done by whoever looks.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta

from ml_assets.books.source_days import first_noted_day, known_days
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.events.arrivals import Plan, Rebuild, plan_loads, plan_rebuild
from ml_assets.events.fingerprint import DayContent
from ml_assets.lake import Lake
from ml_assets.sources.base import EventSource

Window = tuple[date, date]
"""First and last day."""


def window_before(shop: Shop, first: date, last: date) -> Window:
    """The days looked at with a range: the range, and `schedules.catch_up_days` up to its first day."""
    reach = timedelta(days=shop.settings.schedules.catch_up_days - 1)
    return max(shop.calendar.first_day, first - reach), last


def look_at_source(
    shop: Shop,
    lake: Lake,
    connection: ServingConnection,
    source: EventSource,
    *,
    seen: Mapping[date, DayContent],
    window: Window,
) -> Plan:
    """What to load of a window, of which the source has `seen`."""
    known = known_days(connection, *window)
    loaded = {day for day in days_in(lake, "transactions") if window[0] <= day <= window[1]}
    is_gone = any(day in loaded and day not in seen for day in known)
    return plan_loads(
        seen,
        known,
        loaded=loaded,
        recorded_since=first_noted_day(connection),
        # Asked only where it matters: for some sources it takes a look into every file.
        held_since=source.days().first if is_gone else None,
        may_be_empty=shop.settings.events.allow_empty_days,
    )


def rebuild_after(
    shop: Shop, lake: Lake, changed: Iterable[date], windows: Iterable[Window], *, scored: Collection[date] = ()
) -> Rebuild:
    """What to build again of some windows because days changed, beside days that are scored anyway."""
    built = {*days_with_features(lake), *scored}
    wanted = {day for day in built for first, last in windows if first <= day <= last} - {*scored}
    found = plan_rebuild(changed, built=built, wanted=wanted, lookback_days=shop.settings.lookback_days)
    return Rebuild(found.features, None if found.newest in scored else found.newest)


def days_with_features(lake: Lake) -> set[date]:
    """The days of which the lake has features, of whichever kinds the shop makes."""
    return {*days_in(lake, "interactions"), *days_in(lake, "customer_features")}


def days_in(lake: Lake, asset: str) -> list[date]:
    """The days of an asset that the lake has."""
    return [date.fromisoformat(day) for day in lake.partitions(asset)]
