"""Before an experiment: how many customers and days an effect takes, and whether the shop's own past shows effects that
are none.

Both work on what the shop's customers bought lately, day by day, and on the 90 days before that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ml_assets.experiments.statistics import (
    Floats,
    compare,
    customers_needed,
    smallest_effect,
    winsorised,
    without_the_past,
)

HORIZONS = (7, 14, 28)
POWER = 0.8


@dataclass(frozen=True)
class Past:
    """What customers bought: the last days, cumulated, and before them."""

    revenue: Floats
    """Customers x days, cumulated along the days."""
    before: Floats
    """Per customer, in the 90 days before; not a number where nothing is known."""

    @classmethod
    def of(cls, customers: pl.DataFrame, days: Sequence[pl.DataFrame]) -> "Past":
        """From customer_id and spend_90d as of the day before, and customer_id and revenue of each day since."""
        daily = [
            customers.select("customer_id")
            .join(day.select("customer_id", "revenue"), on="customer_id", how="left", maintain_order="left")["revenue"]
            .fill_null(0.0)
            .to_numpy()
            for day in days
        ]
        before = customers["spend_90d"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return cls(np.stack(daily, axis=1).cumsum(axis=1), np.asarray(before, np.float64))


@dataclass(frozen=True)
class Plan:
    """What an experiment of so many days takes."""

    days: int
    mean: float
    """Revenue of a customer in that time."""
    variance_reduction: float
    needed: int
    """Customers of both arms for the effect that is looked for, looked at once."""
    needed_peeking: int
    """The same by the always valid interval."""
    available: int
    smallest: float
    """The smallest effect that the customers there are show, as a share of the mean; infinite where nobody buys."""


@dataclass(frozen=True)
class AgainstItself:
    """How often an experiment without any difference finds one."""

    runs: int
    once: float
    """Looked at once, at the end, with the fixed interval: 5 % is promised."""
    peeked: float
    """Looked at every day with the fixed interval, which promises nothing then."""
    always: float
    """Looked at every day with the always valid interval: 5 % at most is promised."""
    variance_reduction: float


def plan(past: Past, effect: float, shares: tuple[float, float]) -> list[Plan]:
    """What finding a relative effect (0.03 is 3 %) takes, with a power of 80 % at the 5 % level, by days."""
    found = []
    for days in (horizon for horizon in HORIZONS if horizon <= past.revenue.shape[1]):
        (values,) = winsorised([past.revenue[:, days - 1]])
        (before,) = winsorised([past.before])
        (rest,), explained = without_the_past([values], [before])
        mean, variance, available = float(values.mean()), float(rest.var(ddof=1)), round(values.size * sum(shares))
        if mean <= 0 or variance <= 0:
            found.append(Plan(days, mean, explained, 0, 0, available, float("inf")))
            continue
        needed, peeking = (
            customers_needed(variance, effect * mean, shares, power=POWER, peeking=peeks) for peeks in (False, True)
        )
        smallest = smallest_effect(variance, available, shares, power=POWER) / mean
        found.append(Plan(days, mean, explained, needed, peeking, available, smallest))
    return found


def against_itself(past: Past, runs: int, seed: int) -> AgainstItself:
    """Draw the same customers into two arms again and again, and look every day for a difference that cannot be."""
    rng = np.random.default_rng(seed)
    customers, days = past.revenue.shape
    capped = np.column_stack([winsorised([past.revenue[:, day]])[0] for day in range(days)])
    (before,) = winsorised([past.before])
    once = peeked = always = 0
    explained = 0.0
    for _ in range(runs):
        first = rng.random(customers) < 0.5
        both = before[first], before[~first]
        expected = sum(float(np.nanvar(each, ddof=1)) / each.size for each in both) * days / 90
        looks = [
            compare(capped[first, day], capped[~first, day], both, expected_variance=expected) for day in range(days)
        ]
        misses = [not look.difference.low <= 0 <= look.difference.high for look in looks]
        once += misses[-1]
        peeked += any(misses)
        always += any(not look.always.low <= 0 <= look.always.high for look in looks)
        explained += looks[-1].variance_reduction
    return AgainstItself(runs, once / runs, peeked / runs, always / runs, explained / runs)
