"""Transactions as they were known at a moment, so that features of the past can be rebuilt as they were.

Superseded versions of days and their choice belong here. The ledger says until when each version was valid; a day
that was first loaded later was not known at all.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

import polars as pl

from ml_assets.errors import UserError
from ml_assets.features.customers import build_customer_features
from ml_assets.features.interactions import build_interactions
from ml_assets.features.windows import first_day
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings

SUPERSEDED = "superseded_transactions"
Filter = Callable[[pl.DataFrame], pl.DataFrame]


class Superseded(Protocol):
    """An entry of the ledger."""

    @property
    def day(self) -> date:
        """The day that changed."""

    @property
    def fingerprint_before(self) -> str:
        """Of the version that was replaced."""

    @property
    def valid_until(self) -> datetime:
        """When it was replaced."""


def keep_superseded(lake: Lake, day: date, fingerprint: str, without: Filter = lambda frame: frame) -> None:
    """Put the version of a day that is about to be replaced aside, `without` those who may not be kept."""
    name = version_name(day, fingerprint)
    if lake.exists("transactions", day) and not lake.exists(SUPERSEDED, name):
        lake.write(SUPERSEDED, without(lake.read("transactions", day)), name)


def version_name(day: date, fingerprint: str) -> str:
    """The partition under which a superseded version lies."""
    return f"{day}_{fingerprint.rpartition(':')[2]}"


def transactions_as_known(
    lake: Lake,
    ledger: Iterable[Superseded],
    first_loads: Mapping[date, datetime],
    *,
    as_of: date,
    at: datetime,
    lookback_days: int,
) -> pl.LazyFrame:
    """The transactions of the look-back as they were known at a moment.

    Raises `UserError` where nothing was known then.
    """
    replaced: dict[date, Superseded] = {}
    for entry in sorted(ledger, key=lambda one: one.valid_until, reverse=True):
        if entry.valid_until > at:
            replaced[entry.day] = entry
    days = [
        date.fromisoformat(day) for day in lake.days_between("transactions", first_day(as_of, lookback_days), as_of)
    ]
    known = [day for day in days if day not in first_loads or first_loads[day] <= at]
    if not known:
        raise UserError(f"Nothing was known at {at:%Y-%m-%d %H:%M} of the days to {as_of}.", "Choose a later moment.")
    frames = (
        [lake.scan("transactions", [day.isoformat() for day in known if day not in replaced])]
        if (len(replaced.keys() & set(known)) < len(known))
        else []
    )
    names = [version_name(day, replaced[day].fingerprint_before) for day in known if day in replaced]
    frames += [lake.scan(SUPERSEDED, names)] if names else []
    # One part may be from before the shop told costs.
    return pl.concat(frames, how="diagonal")


@dataclass(frozen=True)
class KnownFeatures:
    """Features as they were known, and what set them apart from those of today."""

    frame: pl.DataFrame
    corrected_since: list[date]
    """Days of the look-back taken in the version of then."""
    not_known_then: list[date]
    """Days of the look-back that were loaded later, and left out."""


def features_as_known(
    lake: Lake,
    ledger: Collection[Superseded],
    first_loads: Mapping[date, datetime],
    asset: Literal["customer_features", "interactions"],
    *,
    as_of: date,
    at: datetime,
    settings: Settings,
) -> KnownFeatures:
    """The features of a day from the transactions that were known at a moment.

    Raises `UserError` where the lake has not that day, or it was not known then.
    """
    if not lake.exists("transactions", as_of):
        held = lake.partitions("transactions")
        raise UserError(
            f"The lake holds no transactions of {as_of}" + (f"; it has {held[0]} to {held[-1]}." if held else "."),
            "Choose a day in the lake, or load it with `ml-assets run`.",
        )
    if as_of in first_loads and first_loads[as_of] > at:
        raise UserError(
            f"{as_of} was not known at {at:%Y-%m-%d %H:%M}: it was first loaded at "
            f"{first_loads[as_of].astimezone(settings.tz):%Y-%m-%d %H:%M}.",
            "Choose a later moment, or an earlier day.",
        )
    lookback, weights = settings.lookback_days, settings.events.weights
    lines = transactions_as_known(lake, ledger, first_loads, as_of=as_of, at=at, lookback_days=lookback)
    if asset == "interactions":
        plan = build_interactions(lines, as_of=as_of, lookback_days=lookback, weights=weights)
    else:
        items = lake.scan("items") if lake.exists("items") else None
        plan = build_customer_features(
            lines, items, as_of=as_of, lookback_days=lookback, weights=weights, timezone=settings.timezone
        )
    days = {date.fromisoformat(day) for day in lake.days_between("transactions", first_day(as_of, lookback), as_of)}
    later = {day for day in days if day in first_loads and first_loads[day] > at}
    corrected = {entry.day for entry in ledger if entry.valid_until > at} & days - later
    return KnownFeatures(plan.collect(engine="streaming"), sorted(corrected), sorted(later))
