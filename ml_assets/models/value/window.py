"""What customers were like on a day, and what they did in the 90 days after it.

The outcome that value models learn and are judged on belongs here, and the numbers that they read of customers. No
events are needed: the customer features of a day hold the spend and the orders of the 90 days up to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ml_assets.features.customers import HALF_LIFE_DAYS

Vector = npt.NDArray[np.float64]
Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

HORIZON_DAYS = 90
"""How far ahead a customer's value looks."""

READ = (
    "recency_days",
    "tenure_days",
    "orders",
    "orders_28d",
    "orders_90d",
    "orders_365d",
    "spend_28d",
    "spend_90d",
    "spend_365d",
    "decayed_spend",
    "mean_order_value",
    "mean_gap_days",
    "basket_items",
    "weekend_share",
    "evening_share",
)
"""Columns of the customer features that value models read."""

RATES = ("decayed_rate", "spend_rate", "orders_rate")
"""Spend and orders over a longer time, per 90 days of it."""

CAP_FACTOR = 10.0
"""How many times the 99th percentile of spend is expected of a single customer at most."""

LEARNED_FACTOR = 3.0
"""The same of what is learned from one: a larger spend would be what its whole neighbourhood is expected to spend."""

# A year means less to a shop that began last month.
MIN_SIGHT = 28


@dataclass(frozen=True)
class Window:
    """Customers as they were on a day, and their next 90 days."""

    known: pl.DataFrame
    """As `describe` returned it for the day, sorted by customer."""
    spend: Vector
    """What they spent in the 90 days after it, at least 0: who brought back more than they bought spent nothing."""
    ordered: Vector
    """1.0 of those who ordered at least once in these days, otherwise 0.0."""

    @property
    def customers(self) -> int:
        """Customers known on the day."""
        return self.known.height

    def take(self, rows: npt.NDArray[np.int64]) -> Window:
        """Some of the customers, by their places."""
        return Window(self.known[rows.tolist()], self.spend[rows], self.ordered[rows])

    def sampled(self, most: int, seed: int) -> Window:
        """At most so many of the customers, always the same."""
        if self.customers <= most:
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(self.customers, most, replace=False)))

    def capped(self, cap: float) -> Window:
        """With the spend of nobody above `cap`."""
        return Window(self.known, np.minimum(self.spend, cap), self.ordered)


def window_between(earlier: pl.DataFrame, later: pl.DataFrame) -> Window:
    """The window between the customer features of two days that are `HORIZON_DAYS` apart.

    Customers whom `later` does not know any more have done nothing since; those it alone knows were not there yet.
    """
    known = describe(earlier).sort("customer_id")
    done = later.select("customer_id", next_spend="spend_90d", next_orders="orders_90d")
    joined = known.select("customer_id").join(done, on="customer_id", how="left", maintain_order="left")
    spend = np.maximum(numbers(joined, "next_spend"), 0.0)
    return Window(known, spend, (numbers(joined, "next_orders") > 0).astype(np.float64))


def describe(features: pl.DataFrame) -> pl.DataFrame:
    """The columns that value models read, and `RATES`, of all customers of a day.

    Long windows reach back no further than the shop's own history. Rates make days comparable that see more or less of
    it: without them a model that learned from a short history takes everybody for a better customer in a longer one.
    """
    sight = max(float(numbers(features, "tenure_days").max(initial=0.0)) + 1, float(MIN_SIGHT))
    year = min(sight, 365.0)
    # The sum of the weights of so many days, each 2^(-age / half-life).
    weight = (1 - 2 ** (-sight / HALF_LIFE_DAYS)) / (1 - 2 ** (-1 / HALF_LIFE_DAYS))
    return features.select("customer_id", *READ).with_columns(
        (pl.col("decayed_spend") * HORIZON_DAYS / weight).alias("decayed_rate"),
        (pl.col("spend_365d") * HORIZON_DAYS / year).alias("spend_rate"),
        (pl.col("orders_365d") * HORIZON_DAYS / year).alias("orders_rate"),
    )


def numbers(known: pl.DataFrame, column: str) -> Vector:
    """A column as doubles; what is null, not a number or infinite counts as 0."""
    values = known[column].cast(pl.Float64).fill_null(0.0).to_numpy()
    return np.where(np.isfinite(values), values, 0.0)


def matrix(known: pl.DataFrame, columns: Sequence[str]) -> Matrix:
    """Columns as doubles, shape (customers, columns); NaN where nothing is known."""
    values = known.select(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in columns).to_numpy()
    return np.where(np.isinf(values), np.nan, values)


def spend_cap(spend: Vector, factor: float = CAP_FACTOR) -> float:
    """A multiple of the 99th percentile of those who spent: far beyond it lie typing errors and resellers.

    One row of ten million must not be what a whole shop is expected to spend. Infinite where hardly anybody spent.
    """
    positive = spend[spend > 0]
    # The lower of two neighbours: among few customers, the percentile would lie beside the largest itself.
    return float(factor * np.quantile(positive, 0.99, method="lower")) if positive.size > 1 else float("inf")
