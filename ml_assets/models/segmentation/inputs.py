"""Which measures of a customer decide on the segment, chosen by what they say about the next month.

The measures that compete and the criterion belong here; how they are scaled is in `scaling.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from ml_assets.models.segmentation.calm import share_leaving
from ml_assets.models.segmentation.clusters import Clusters, Labels, fit_clusters
from ml_assets.models.segmentation.scaling import Matrix, QuantileScaler
from ml_assets.models.segmentation.soundness import recovery
from ml_assets.segments import MEASURES

FLOOR_DAYS = 14
"""Days since an order, or between orders, below this flicker from day to day in shops of frequent buyers."""

DEFAULT = ("decayed_spend", "spend_365d")
"""What is taken where the past is too short to choose: how much lately, and how much over the year."""

# Against the pace of the year; below the window the two spends are one.
_PACE = pl.col("spend_365d") * 90 / pl.col("tenure_days").clip(90, 365)

EXPRESSIONS: dict[str, pl.Expr] = {
    "decayed_spend": pl.col("decayed_spend"),
    "spend_365d": pl.col("spend_365d"),
    "spend_90d": pl.col("spend_90d"),
    "orders_365d": pl.col("orders_365d"),
    "orders_90d": pl.col("orders_90d"),
    "recency_days": pl.col("recency_days").clip(FLOOR_DAYS),
    "tenure_days": pl.col("tenure_days"),
    "mean_gap_days": pl.col("mean_gap_days").fill_null(pl.col("tenure_days")).clip(FLOOR_DAYS),
    "mean_order_value": pl.col("mean_order_value").fill_null(0.0),
    "basket_items": pl.col("basket_items").fill_null(0.0),
    "category_diversity": pl.col("category_diversity").fill_null(0.0),
    "weekend_share": pl.col("weekend_share").fill_null(0.0),
    "evening_share": pl.col("evening_share").fill_null(0.0),
    "pace": pl.when(_PACE > 0).then(pl.col("spend_90d") / _PACE).otherwise(0.0),
}
"""What can decide: recency, frequency and spend over several windows, tenure, basket, breadth, rhythm and trend."""

FEATURES = tuple(sorted({name for measure in EXPRESSIONS.values() for name in measure.meta.root_names()}))
"""Columns of the customer features that the measures read."""

OUTCOME_DAYS = 28
RECENT_DAYS = 10
"""No multiple of a week, nor of a month: who orders by the clock is at another point of the cycle."""
MOST_MOVED = 0.05
CRITERION = (
    "of all pairs and triples of measures, those between whose segments at most "
    f"{MOST_MOVED:.0%} of the customers would have moved in the last {RECENT_DAYS} days, or twice as many as by the "
    f"calmest; of these, those whose segments explain the spend of the next {OUTCOME_DAYS} days "
    "within 0.05 of the best (share of its variance, five clusters, spend cut at its 99th percentile); of these the "
    "largest mean of silhouette, of the adjusted Rand index on bootstrap samples, and of that between where the same "
    "clusters put customers then and now, which a third measure must raise by 0.02; the measures of the live "
    "model stay while they explain within 0.1 of the best and at most twice as many would have moved, because others "
    "would make other segments"
)
EXPLAINED_SLACK = 0.05
LEAST_EXPLAINED = 0.1
"""Where no set explains more, what comes next is chance, and the best of them says nothing."""
LIVE_SLACK = 0.1
THIRD = 0.02
CLUSTERS = 5
SAMPLE = 3_000
BOOTSTRAPS = 8
MIN_CUSTOMERS = 100
# Sets that are judged on soundness; of very many that explain about as much, the best explaining ones.
MOST_JUDGED = 20


@dataclass(frozen=True)
class Past:
    """Customers as they were `OUTCOME_DAYS` before training, and what they spent since."""

    features: pl.DataFrame
    """Customer features as of that day."""
    now: pl.DataFrame
    """Customer features as of training; customers without a row have left."""
    recent: pl.DataFrame | None = None
    """Customer features `RECENT_DAYS` before training; None: how calm measures are is not asked."""


@dataclass(frozen=True)
class ChosenInputs:
    """The measures that decide, and why."""

    names: tuple[str, ...]
    explained: float | None
    """Share of the variance of the next spend that their segments explain; None where the past is too short."""


def input_matrix(features: pl.DataFrame, names: Sequence[str]) -> Matrix:
    """The measures as doubles, shape (customers, names); what is no number counts as 0."""
    finite = {name: EXPRESSIONS[name].cast(pl.Float64) for name in names}
    return features.select(
        pl.when(value.is_finite()).then(value).otherwise(0.0).alias(name) for name, value in finite.items()
    ).to_numpy()


def on_both_days(before: pl.DataFrame, now: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The features of the customers who are known on both days, in the same order."""
    ids = now.select("customer_id").join(before, on="customer_id", how="semi").sort("customer_id")
    one, other = (ids.join(frame, on="customer_id", how="inner", maintain_order="left") for frame in (before, now))
    return one, other


def share_moving(
    clusters: Clusters,
    scaler: QuantileScaler,
    names: Sequence[str],
    days: tuple[pl.DataFrame, pl.DataFrame],
    margin: float,
) -> float:
    """The share of the customers who would have moved from one day to the other, as `on_both_days` gives them."""
    before, now = (clusters.distances(scaler.transform(input_matrix(frame, names))) for frame in days)
    return share_leaving(before, now, margin)


def choose_inputs(past: Past | None, live: Sequence[str] | None, *, margin: float = 0.0, seed: int) -> ChosenInputs:
    """The measures by `CRITERION`, where the past tells something; else those of the live model, else `DEFAULT`.

    `margin` is how much nearer another segment must be before customers move.
    """
    if past is None or past.features.height < MIN_CUSTOMERS:
        return ChosenInputs(tuple(live or DEFAULT), None)
    features = past.features.sort("customer_id")
    if features.height > SAMPLE:
        features = features.sample(SAMPLE, seed=seed).sort("customer_id")
    ids = features.select("customer_id")
    spend = ids.join(past.now, on="customer_id", how="left", maintain_order="left")["spend_28d"]
    outcome = spend.fill_nan(None).fill_null(0.0).to_numpy()
    outcome = np.minimum(outcome, np.quantile(outcome, 0.99))
    if outcome.std() == 0:
        return ChosenInputs(tuple(live or DEFAULT), None)
    names = [name for name in MEASURES if features.select(EXPRESSIONS[name]).to_series().n_unique() > CLUSTERS]
    sets = [chosen for size in (2, 3) for chosen in combinations(names, size)]
    if not sets:
        return ChosenInputs(tuple(live or DEFAULT), None)
    days = on_both_days(past.recent, past.now) if past.recent is not None else None
    tried = {chosen: _try(features, chosen, outcome=outcome, days=days, margin=margin, seed=seed) for chosen in sets}
    most = max(MOST_MOVED, 2 * min(one.moved for one in tried.values()))
    calm = [one for one in sets if tried[one].moved <= most]
    explained = {one: tried[one].explained for one in calm}
    best = max(explained.values())
    if best < LEAST_EXPLAINED:
        return ChosenInputs(tuple(live or DEFAULT), None)
    known = tried.get(tuple(live)) if live else None
    if live and known and known.explained >= best - LIVE_SLACK and known.moved <= 2 * most:
        return ChosenInputs(tuple(live), known.explained)
    good = sorted((one for one in calm if explained[one] >= best - EXPLAINED_SLACK), key=lambda one: -explained[one])
    four_weeks = on_both_days(features, past.now)
    judged = {one: _soundness(features, four_weeks, one, tried[one], seed) for one in good[:MOST_JUDGED]}
    chosen = max(judged, key=lambda one: judged[one] - THIRD * (len(one) - 2))
    return ChosenInputs(chosen, explained[chosen])


def explained_share(labels: Labels, outcome: Matrix) -> float:
    """Share of the variance of an outcome that lies between groups: eta squared, R^2 of a regression on them."""
    sizes = np.bincount(labels)
    means = np.bincount(labels, weights=outcome) / np.maximum(sizes, 1)
    whole = float(((outcome - outcome.mean()) ** 2).sum())
    return 1 - float(((outcome - means[labels]) ** 2).sum()) / whole if whole else 0.0


@dataclass(frozen=True)
class _Tried:
    """Clusters by a set of measures, what they say, and how many customers they would have moved."""

    scaler: QuantileScaler
    clusters: Clusters
    explained: float
    moved: float

    def labels(self, features: pl.DataFrame, names: Sequence[str]) -> Labels:
        """The cluster of each customer."""
        return self.clusters.nearest(self.scaler.transform(input_matrix(features, names)))


def _try(
    features: pl.DataFrame,
    names: Sequence[str],
    *,
    outcome: Matrix,
    days: tuple[pl.DataFrame, pl.DataFrame] | None,
    margin: float,
    seed: int,
) -> _Tried:
    values = input_matrix(features, names)
    scaler = QuantileScaler.fit(values)
    scaled = scaler.transform(values)
    clusters = fit_clusters(scaled, CLUSTERS, seed=seed, restarts=3)
    moved = share_moving(clusters, scaler, names, days, margin) if days and days[0].height else 0.0
    return _Tried(scaler, clusters, explained_share(clusters.nearest(scaled), outcome), moved)


def _soundness(
    features: pl.DataFrame,
    four_weeks: tuple[pl.DataFrame, pl.DataFrame],
    names: Sequence[str],
    tried: _Tried,
    seed: int,
) -> float:
    """How separate segments by these measures are, how they come back, and how long customers stay in them."""
    from sklearn.metrics import adjusted_rand_score, silhouette_score  # noqa: PLC0415 slow to import

    values = input_matrix(features, names)
    labels = tried.labels(features, names)
    then, now = four_weeks
    if len(np.unique(labels)) < 2 or then.is_empty():
        return 0.0
    returning, _ = recovery(values, labels, CLUSTERS, seed=seed, bootstraps=BOOTSTRAPS)
    staying = adjusted_rand_score(tried.labels(then, names), tried.labels(now, names))
    return float(silhouette_score(tried.scaler.transform(values), labels) + returning + staying) / 3
