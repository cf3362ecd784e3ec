"""Transactions as they were known at a moment, so that features of the past can be rebuilt as they were.

Superseded versions of days and their choice belong here. The ledger says until when each version was valid; a day
that was first loaded later was not known at all.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Protocol

import polars as pl

from ml_assets.errors import UserError
from ml_assets.features.windows import first_day
from ml_assets.lake import Lake

SUPERSEDED = "superseded_transactions"


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


def keep_superseded(lake: Lake, day: date, fingerprint: str) -> None:
    """Put the version of a day that is about to be replaced aside."""
    name = version_name(day, fingerprint)
    if lake.exists("transactions", day) and not lake.exists(SUPERSEDED, name):
        lake.write(SUPERSEDED, lake.read("transactions", day), name)


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
    return pl.concat(frames)
