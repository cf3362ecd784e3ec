"""What a study may look at: a shop's events up to a day, cut into windows.

Only the data and its windows belong here. Nothing of or after the day after `through` is ever looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from ml_assets.features.interactions import build_interactions
from ml_assets.features.windows import first_day as oldest_day
from ml_assets.models.selection.entrants import sampled
from ml_assets.models.selection.plan import LEAST_DAYS, SHARE_BEFORE, Plan, plan_windows
from ml_assets.models.selection.window import Window
from ml_assets.settings.shop import Settings


@dataclass(frozen=True)
class History:
    """A shop's past, of so many customers as are studied."""

    events: pl.LazyFrame
    interactions: pl.DataFrame
    """As of the last day and of all days: made once, because those as of an earlier day are some of them."""
    catalogue: pl.DataFrame
    first_day: date
    through: date
    """Last day that is looked at."""
    settings: Settings

    @classmethod
    def of(
        cls, events: pl.LazyFrame, catalogue: pl.DataFrame, *, first_day: date, through: date, settings: Settings
    ) -> "History":
        """The events up to and including `through`; of large shops those of a sample of customers."""
        known = sampled(events.filter(pl.col("day") <= through), settings.recommender.selection.max_customers)
        days = max((through - first_day).days + 1, 1)
        interactions = build_interactions(known, as_of=through, lookback_days=days, weights=settings.events.weights)
        return cls(known, interactions.collect(), catalogue, first_day, through, settings)

    @property
    def days(self) -> int:
        """Its length."""
        return (self.through - self.first_day).days + 1

    @property
    def validation_windows(self) -> int:
        """How many windows methods are judged on, where the history is long enough."""
        selection = self.settings.recommender.selection
        return 1 if selection.effort == "quick" else selection.windows

    def plan(self) -> Plan | None:
        """Its windows; None where it is too short to judge anything."""
        if self.days < LEAST_DAYS:
            return None
        horizons = self.settings.recommender.evaluation_days
        return plan_windows(self._earliest_cutoff(), self.through, horizons, self.validation_windows)

    def _earliest_cutoff(self) -> date:
        """The day after that on which `SHARE_BEFORE` of all lines was reached: days of few customers are no history."""
        lines = self.events.group_by("day").len().sort("day").collect()
        reached = lines.filter(pl.col("len").cum_sum() >= SHARE_BEFORE * pl.col("len").sum())["day"].first()
        return (reached if isinstance(reached, date) else self.through) + timedelta(days=1)

    def window(self, cutoff: date, horizons: Sequence[int]) -> Window:
        """The window that begins at a cut-off."""
        as_of = cutoff - timedelta(days=1)
        seen = pl.col("order_day").is_between(oldest_day(as_of, self.settings.lookback_days), as_of)
        return Window.after(
            self.interactions.filter(seen),
            self.events,
            self.catalogue,
            cutoff=cutoff,
            horizons=horizons,
            settings=self.settings,
        )

    def today(self) -> Window:
        """The window that begins behind its last day; nobody has bought anything in it."""
        return self.window(self.through + timedelta(days=1), [1])
