"""Boosted trees as a competitor: everything that the customer features say, weighed by LightGBM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from ml_assets.models.artifacts import Arrays
from ml_assets.models.boosting import from_text, load_lightgbm, to_text
from ml_assets.models.value.method import Scores, ValueMethod
from ml_assets.models.value.window import HORIZON_DAYS, RATES, READ, Matrix, Vector, Window, matrix, numbers

if TYPE_CHECKING:
    import lightgbm

FOLDS = 5
"""Parts of the customers that are scored by trees that have not seen them, for the calibration."""
FLOOR = 0.05
"""Share of the mean spend that the trees start from at least: of nothing, every multiple is nothing."""
# Rates stand for those that grow with the length of the history.
COLUMNS = tuple(name for name in READ if name not in ("orders", "orders_365d", "spend_365d", "decayed_spend")) + RATES
ROUNDS = 40
GIVEN: dict[str, Any] = {
    "num_leaves": 8,
    "learning_rate": 0.05,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
SPEND = {"objective": "tweedie", "tweedie_variance_power": 1.3}
"""Spend is nothing for some and skewed for the others: a distribution between Poisson's and gamma."""
ORDERED = {"objective": "binary"}


class Boosted(ValueMethod):
    """Gradient boosted trees (Ke et al., LightGBM, NeurIPS 2017): one set for the spend, one for the probability.

    The trees of the spend learn by which factor customers differ from what they spent so far, half of it in the last 90
    days, half at the pace that halves every 90 days: the level is given, and little data is enough for the rest.
    """

    name = "boosted"

    spend_: lightgbm.Booster
    ordered_: lightgbm.Booster
    floor_: float
    """In the shop's currency."""

    def __init__(self, seed: int = 20170101) -> None:
        self.seed = seed

    def fit(self, window: Window) -> Self:
        """Grow both sets of trees; raises `UserError` where LightGBM cannot be loaded."""
        values = _values(window.known)
        self.floor_ = max(FLOOR * float(window.spend.mean()), 1e-9)
        self.spend_ = self._grow(values, window.spend, SPEND, self._start(window.known, float(window.spend.max())))
        self.ordered_ = self._grow(values, window.ordered, ORDERED)
        return self

    def scores(self, known: pl.DataFrame) -> Scores:
        """What the trees say."""
        if known.is_empty():
            return Scores(np.empty(0), np.empty(0))
        values = _values(known)
        # A sum of a few trees is bounded; the start is not, and an exponential overflows beyond 700.
        logs = self.spend_.predict(values, raw_score=True, num_threads=1) + self._start(known)
        ordered = self.ordered_.predict(values, num_threads=1)
        return Scores(np.exp(np.minimum(logs, 700.0)), np.asarray(ordered, dtype=np.float64))

    def honest_scores(self, window: Window) -> Scores:
        """Cross-fitted: trees know too well what they have seen."""
        fold = np.random.default_rng(self.seed).permutation(window.customers) % FOLDS
        spend, ordered = np.empty(window.customers), np.empty(window.customers)
        for number in range(FOLDS):
            unseen = np.flatnonzero(fold == number)
            trees = Boosted(self.seed).fit(window.take(np.flatnonzero(fold != number)))
            made = trees.scores(window.take(unseen).known)
            spend[unseen], ordered[unseen] = made.spend, made.ordered
        return Scores(spend, ordered)

    def learned(self) -> Arrays:
        """The trees as text, and the floor."""
        trees = {"spend_trees": to_text(self.spend_), "ordered_trees": to_text(self.ordered_)}
        return {**trees, "floor": np.array([self.floor_])}

    def restored(self, arrays: Arrays) -> Self:
        """With what `learned` returned."""
        self.spend_, self.ordered_ = from_text(arrays["spend_trees"]), from_text(arrays["ordered_trees"])
        self.floor_ = float(arrays["floor"][0])
        return self

    def _start(self, known: pl.DataFrame, most: float = np.inf) -> Vector:
        """Logarithm of the spend that the trees start from; of nobody above `most`."""
        pace = (numbers(known, "spend_90d") + numbers(known, "decayed_rate")) / 2
        start: Vector = np.log(np.clip(pace, 0.0, most) + self.floor_)
        return start

    def _grow(
        self, values: Matrix, outcome: Vector, objective: dict[str, Any], start: Vector | None = None
    ) -> lightgbm.Booster:
        library = load_lightgbm()
        # Leaves of few customers learn single ones.
        given = {**GIVEN, **objective, "min_data_in_leaf": max(20, len(values) // 200), "seed": self.seed}
        binning = {"max_bin": 63, "num_threads": 1, "verbose": -1}
        data = library.Dataset(values, outcome, init_score=start, params=binning)
        booster: lightgbm.Booster = library.train(given, data, ROUNDS)
        return booster


def _values(known: pl.DataFrame) -> Matrix:
    # Nobody's tenure can be longer than the history that the trees learned from.
    return matrix(known.with_columns(pl.col("tenure_days").clip(upper_bound=HORIZON_DAYS)), COLUMNS)
