"""BG/NBD with Gamma-Gamma as a competitor: from customer features to histories, from histories to spend.

The two models are in `bg_nbd.py` and `gamma_gamma.py`.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import polars as pl
from pydantic import JsonValue

from ml_assets.models.artifacts import Arrays
from ml_assets.models.value.bg_nbd import BgNbd, Histories
from ml_assets.models.value.gamma_gamma import GammaGamma
from ml_assets.models.value.method import Scores, ValueMethod
from ml_assets.models.value.window import HORIZON_DAYS, Vector, Window, numbers

WEEK = 7.0


class BgNbdGammaGamma(ValueMethod):
    """Expected shopping days of the next 90 x expected value of one; several orders of a day are one."""

    name = "bg_nbd"

    orders_: BgNbd
    values_: GammaGamma

    def fit(self, window: Window) -> Self:
        """Both models by maximum likelihood, from the histories alone; the outcome is not looked at."""
        bought = window.known.filter(pl.col("orders") > 0)
        self.orders_ = BgNbd.fit(histories(bought))
        days, value = day_values(bought)
        paid = value > 0
        self.values_ = GammaGamma.fit(days[paid], value[paid])
        return self

    def scores(self, known: pl.DataFrame) -> Scores:
        """Who never ordered is expected to go on so."""
        came, ahead = histories(known), HORIZON_DAYS / WEEK
        days, value = day_values(known)
        has_ordered = numbers(known, "orders") > 0
        worth = self.orders_.expected_orders(came, ahead) * self.values_.expected_value(days, value)
        some = self.orders_.probability_of_order(came, ahead)
        return Scores(np.where(has_ordered, worth, 0.0), np.where(has_ordered, some, 0.0))

    @property
    def facts(self) -> dict[str, JsonValue]:
        """The seven parameters; time in weeks."""
        orders, values = self.orders_, self.values_
        named = {"r": orders.r, "alpha": orders.alpha, "a": orders.a, "b": orders.b}
        named |= {"p": values.p, "q": values.q, "gamma": values.gamma}
        return {name: round(value, 6) for name, value in named.items()}

    def learned(self) -> Arrays:
        """The seven parameters."""
        orders, values = self.orders_, self.values_
        return {
            "bg_nbd": np.array([orders.r, orders.alpha, orders.a, orders.b]),
            "gamma_gamma": np.array([values.p, values.q, values.gamma]),
        }

    def restored(self, arrays: Arrays) -> Self:
        """With what `learned` returned."""
        self.orders_ = BgNbd(*arrays["bg_nbd"].tolist())
        self.values_ = GammaGamma(*arrays["gamma_gamma"].tolist())
        return self


def histories(known: pl.DataFrame) -> Histories:
    """When customers shopped, in weeks. Those whose first day the look-back cut off seem younger than they are."""
    age = np.maximum(numbers(known, "tenure_days"), 0.0)
    last = np.clip(age - numbers(known, "recency_days"), 0.0, age)
    return Histories(_repeats(known), last / WEEK, age / WEEK)


def day_values(known: pl.DataFrame) -> tuple[Vector, Vector]:
    """Shopping days of each customer, at least 1, and the mean spend of one, at least 0."""
    days = _repeats(known) + 1
    bought = numbers(known, "mean_order_value") * numbers(known, "orders")
    return days, np.maximum(bought / days, 0.0)


def _repeats(known: pl.DataFrame) -> Vector:
    """Shopping days after the first: the mean gap is the time between first and last, divided by them."""
    gap = numbers(known, "mean_gap_days")
    between = numbers(known, "tenure_days") - numbers(known, "recency_days")
    return np.rint(np.divide(between, gap, out=np.zeros_like(gap), where=gap > 0))
