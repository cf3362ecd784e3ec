"""Which files of the lake features are built from.

The choice of partitions, and the rule "stored if it is newer than every day it sees, otherwise rebuilt", belong here;
the features themselves are in `interactions.py` and `customers.py`. Both ways give the same frame, because the builders
are stateless.
"""

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl

from ml_assets.errors import UserError
from ml_assets.features.customers import NEWEST_COLUMN, build_customer_features
from ml_assets.features.interactions import build_interactions
from ml_assets.features.windows import first_day
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets.sources.base import EventSource, days_of


def transactions_window(lake: Lake, *, as_of: date, lookback_days: int) -> pl.LazyFrame:
    """The transaction lines of the days in the look-back that exist in the lake.

    Raises `UserError` naming the days when there are none at all; single missing days are days without sales.
    """
    first = first_day(as_of, lookback_days)
    days = lake.days_between("transactions", first, as_of)
    if not days:
        raise UserError(
            f"The lake at {lake.root} holds no transactions from {first} to {as_of}.",
            f"Materialize transactions for a day in that range (lookback_days is {lookback_days}).",
        )
    return lake.scan("transactions", days)


def missing_days(lake: Lake, lookback_days: int) -> list[date]:
    """The days between the oldest and the newest day of the look-back whose transactions were never loaded."""
    days = [date.fromisoformat(day) for day in lake.partitions("transactions")]
    if not days:
        return []
    newest = max(days)
    held = {day for day in days if day >= first_day(newest, lookback_days)}
    span = (min(held) + timedelta(days=number) for number in range((newest - min(held)).days))
    return [day for day in span if day not in held]


def days_left_out(lake: Lake, source: EventSource, settings: Settings, *, week: date, today: date) -> list[date]:
    """The days before a week (its Monday) that the source has and the lake has not: its models would not see them.

    Days without lines in the source are closed days. Only days that are still loaded by themselves
    (`schedules.catch_up_days`) and not older than the lake count: what is older is a hole in the history, told by
    `missing_days`, and must not keep models from being trained for ever.
    """
    loaded = {date.fromisoformat(day) for day in lake.partitions("transactions")}
    sunday = week - timedelta(days=1)
    looked_at = min(today - timedelta(days=1), week + timedelta(days=6))
    first = max(looked_at - timedelta(days=settings.schedules.catch_up_days - 1), min(loaded, default=week))
    absent = {first + timedelta(days=number) for number in range((sunday - first).days + 1)} - loaded
    if not absent:
        return []
    return sorted(absent & days_of(source, min(absent), max(absent)))


def newest_day_with_data(lake: Lake, settings: Settings, *, through: date) -> date | None:
    """The newest day up to and including `through` that has events in the lake, and the closed days after it.

    Closed by the shop's calendar: on any other day without events the feed may have been dead. None where no day has.
    """
    held = (day for day in reversed(lake.days_between("transactions", date.min, through)))
    newest = next((day for day in held if lake.scan("transactions", [day]).select(pl.len()).collect().item()), None)
    if newest is None:
        return None
    day = date.fromisoformat(newest)
    after = [day + timedelta(days=number) for number in range(1, (through - day).days + 1)]
    dead = settings.calendar.with_business(after)
    return dead[0] - timedelta(days=1) if dead else through


def load_interactions(lake: Lake, *, as_of: date, settings: Settings) -> pl.DataFrame:
    """The interactions as of a day: stored ones if that partition exists, otherwise rebuilt from transactions."""

    def build(transactions: pl.LazyFrame) -> pl.LazyFrame:
        lookback, weights = settings.lookback_days, settings.events.weights
        return build_interactions(transactions, as_of=as_of, lookback_days=lookback, weights=weights)

    return _stored_or_built(lake, "interactions", as_of, settings, build)


def load_customer_features(lake: Lake, *, as_of: date, settings: Settings) -> pl.DataFrame:
    """The customer features as of a day: stored ones if that partition exists, otherwise rebuilt."""

    def build(transactions: pl.LazyFrame) -> pl.LazyFrame:
        items = lake.scan("items") if lake.exists("items") else None
        lookback, weights = settings.lookback_days, settings.events.weights
        return build_customer_features(
            transactions, items, as_of=as_of, lookback_days=lookback, weights=weights, timezone=settings.timezone
        )

    stored = _stored_or_built(lake, "customer_features", as_of, settings, build)
    if NEWEST_COLUMN in stored.columns:
        return stored
    # Stored by an earlier version, which knew fewer.
    return build(transactions_window(lake, as_of=as_of, lookback_days=settings.lookback_days)).collect()


def _stored_or_built(
    lake: Lake, name: str, as_of: date, settings: Settings, build: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> pl.DataFrame:
    """A stored partition, or the plan over transactions run with bounded memory."""
    if lake.exists(name, as_of) and not _is_behind(lake, name, as_of, settings.lookback_days):
        return lake.read(name, as_of)
    plan = build(transactions_window(lake, as_of=as_of, lookback_days=settings.lookback_days))
    try:
        return plan.collect(engine="streaming")
    except pl.exceptions.ComputeError as error:
        raise UserError(
            f"A transactions file in the lake is damaged: {error}.", "Materialize transactions for that day again."
        ) from error


def _is_behind(lake: Lake, name: str, as_of: date, lookback_days: int) -> bool:
    """Whether a day was loaded after the features that should have seen it: one that came late, or was corrected."""
    stored = lake.path(name, as_of).stat().st_mtime
    days = lake.days_between("transactions", first_day(as_of, lookback_days), as_of)
    return any(lake.path("transactions", day).stat().st_mtime > stored for day in days)
