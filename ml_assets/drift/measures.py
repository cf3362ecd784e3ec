"""Drift: how far today's customers, items and scores are from those of the weeks before.

Measures and their verdicts belong here, as pure functions of columns; which frames are compared is decided by the
caller. Reference values come from the same weekdays, so that a week's rhythm is no drift.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import polars as pl

from ml_assets.settings.drift import DriftSettings

# Windows that end today. Tenure and yearly sums grow with every day by nature, and recency jumps for everybody on the
# day after Christmas, when no shop was open.
# A window longer than the history is filled by every day that passes, and so grows by itself: days of history that each
# feature needs. Means see the whole look-back, and hardly move any more after four weeks.
FEATURES = {
    "orders_28d": 28,
    "orders_90d": 90,
    "spend_28d": 28,
    "spend_90d": 90,
    "mean_order_value": 28,
    "mean_gap_days": 28,
}
ONE_OF_MANY = ("psi:", "distance:")
UNSEEN = {"customers": "customer_id", "items": "item_id"}
BINS = 10
FEWEST = 100
FEWEST_OF_A_DAY = 20
"""Of fewer customers or lines of a day a share says nothing: two of four who are new are no drift."""
Status = Literal["ok", "warn", "error"]


@dataclass(frozen=True)
class Measure:
    """One measured value beside its thresholds."""

    subject: str
    metric: str
    value: float
    warn_at: float
    error_at: float
    detail: str
    """One sentence for people."""
    below_is_bad: bool = False

    @property
    def status(self) -> Status:
        """Beyond which threshold it is."""
        value, warn, error = self.value, self.warn_at, self.error_at
        if self.below_is_bad:
            value, warn, error = -value, -warn, -error
        return "error" if value >= error else "warn" if value >= warn else "ok"


def population_stability(today: np.ndarray, reference: np.ndarray) -> float:
    """The population stability index of two samples, over the deciles of the reference.

    Below 0.1 nothing happened, above 0.25 much did, by the usage of the field. NaN are left out; 0 where either
    sample has fewer than 100 values. Many equal values (no order at all) share one bin.
    """
    now, then = today[~np.isnan(today)], reference[~np.isnan(reference)]
    if len(now) < FEWEST or len(then) < FEWEST:
        return 0.0
    edges = np.unique(np.quantile(then, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = len(edges) + 1
    # An empty bin must not make the index infinite: half a customer is assumed in each.
    shares = [
        (np.bincount(np.searchsorted(edges, values, side="left"), minlength=bins) + 0.5) / (len(values) + 0.5 * bins)
        for values in (now, then)
    ]
    return float(np.sum((shares[0] - shares[1]) * np.log(shares[0] / shares[1])))


def distance_in_spreads(today: np.ndarray, reference: np.ndarray) -> float:
    """The Wasserstein distance in units of the reference's interquartile range: how far the mass has moved."""
    from scipy.stats import wasserstein_distance  # noqa: PLC0415 slow to import, and few processes measure drift

    now, then = today[~np.isnan(today)], reference[~np.isnan(reference)]
    if len(now) < FEWEST or len(then) < FEWEST:
        return 0.0
    low, high = np.quantile(then, [0.25, 0.75])
    spread = float(high - low) or float(np.std(then)) or 1.0
    return float(wasserstein_distance(now, then)) / spread


def measure_features(
    today: pl.DataFrame, reference: pl.DataFrame, rules: DriftSettings, *, without: Container[str] = ()
) -> list[Measure]:
    """Every feature of the customers against those of the reference days, `without` those that grow by themselves."""
    found = []
    for name in FEATURES:
        if name in without or name not in today.columns or name not in reference.columns:
            continue
        now, then = (_numbers(frame[name]) for frame in (today, reference))
        psi, moved = population_stability(now, then), distance_in_spreads(now, then)
        medians = [
            float(np.nanmedian(values)) if len(values) and not np.isnan(values).all() else 0.0 for values in (now, then)
        ]
        words = f"{name}: PSI {psi:.2f}, median {medians[0]:,.1f} against {medians[1]:,.1f}, moved {moved:.2f} spreads."
        found.append(Measure("customer_features", f"psi:{name}", psi, rules.psi_warn, rules.psi_error, words))
    return found


def measure_scores(today: pl.DataFrame, reference: pl.DataFrame, rules: DriftSettings) -> list[Measure]:
    """The scores of the first places per placement against those of the reference days, as a distance.

    Lists as in the recommendations asset: placement, scores, best first. Every week's model has a scale a little of its
    own, which an index over bins takes for another population; a distance in spreads does not.
    """
    found = []
    for placement in sorted(today["placement"].unique()):
        now, then = (
            _numbers(frame.filter(pl.col("placement") == placement)["scores"].list.first())
            for frame in (today, reference)
        )
        moved = distance_in_spreads(now, then)
        words = f"Scores of {placement} moved by {moved:.2f} of their usual spread."
        limits = (rules.distance_warn, rules.distance_error)
        found.append(Measure("recommendations", f"distance:{placement}", moved, *limits, words))
    return found


def unseen_shares(events: pl.LazyFrame, days: Sequence[date]) -> list[dict[str, float]]:
    """Of each day the shares of its customers, and of its lines' items, that no day before it had; of few none.

    `events`: day, customer_id, item_id of these days and of all that are looked back on.
    """
    found = [dict[str, float]() for _ in days]
    for what, column in UNSEEN.items():
        first = events.group_by(column).agg(first=pl.col("day").min()).collect()
        of_days = events.filter(pl.col("day").is_in(list(days))).select("day", column).collect()
        # Of customers each counts once a day, guests not at all, of items each line.
        counted = of_days.drop_nulls().unique() if what == "customers" else of_days
        new = counted.join(first, on=column).select("day", new=pl.col("day") == pl.col("first"))
        shares = {
            day: share
            for day, share, count in new.group_by("day").agg(pl.col("new").mean(), pl.len()).iter_rows()
            if count >= FEWEST_OF_A_DAY
        }
        for share, day in zip(found, days, strict=True):
            if day in shares:
                share[what] = shares[day]
    return found


def measure_unseen(
    shares: Mapping[str, float], usual: Sequence[Mapping[str, float]], rules: DriftSettings
) -> list[Measure]:
    """The day's shares of what was never seen before, against those of the reference days (`unseen_shares`).

    The thresholds count from the usual share on, so that a shop of guests, where everybody is new every day, is not
    told so every day; without reference days nothing new is usual.
    """
    found = []
    for what, share in shares.items():
        known = [one[what] for one in usual if what in one]
        reference = float(np.median(known)) if known else 0.0
        warn, error = (reference + (1 - reference) * limit for limit in (rules.unseen_warn, rules.unseen_error))
        # Where all are new on any day, no share is too high.
        limits = (warn, error) if reference < 1 else (2.0, 2.0)
        whose = "customers were" if what == "customers" else "lines are of items"
        words = f"{share:.0%} of the day's {whose} never seen before"
        words += f"; {reference:.0%} is usual." if known else "."
        found.append(Measure("transactions", f"unseen:{what}", share, *limits, words))
    return found


def hit_rate(lists: pl.DataFrame, bought: pl.DataFrame, *, k: int) -> float | None:
    """The share of buying customers who bought at least one of their first `k` items; None without buyers.

    `lists`: customer_id, item_ids; `bought`: customer_id, item_id of the days after.
    """
    bought = bought.select("customer_id", "item_id").unique()
    shown = lists.select("customer_id", pl.col("item_ids").list.head(k).alias("item_id"))
    buyers = shown.join(bought.select("customer_id").unique(), on="customer_id", how="semi")
    if buyers.is_empty():
        return None
    hits = buyers.explode("item_id").join(bought, on=["customer_id", "item_id"], how="semi")
    return hits["customer_id"].n_unique() / buyers["customer_id"].n_unique()


def measure_hit_rate(rate: float, usual: Sequence[float], rules: DriftSettings, *, day: date) -> Measure:
    """The hit rate of past lists against that of the weeks before; not judged with fewer than three of these."""
    reference = float(np.median(usual)) if len(usual) >= 3 else 0.0
    words = f"{rate:.0%} of the buyers bought something of their list of {day}"
    words += f"; {reference:.0%} is usual." if reference else "; nothing to compare it with yet."
    warn, error = reference * rules.hit_rate_warn, reference * rules.hit_rate_error
    # Without a reference no rate is too low.
    limits = (warn, error) if reference else (-1.0, -1.0)
    return Measure("recommendations", "hit_rate", rate, *limits, words, below_is_bad=True)


def verdict(measures: Sequence[Measure]) -> Status:
    """Of several measures: an error needs two signs, because one feature of many moves on any holiday.

    A single measure beyond its error threshold is a warning, two are an error; shares and hit rates stand alone.
    """
    alone = [one for one in measures if not one.metric.startswith(ONE_OF_MANY)]
    if any(one.status == "error" for one in alone):
        return "error"
    beyond = [one for one in measures if one.status == "error" and one.metric.startswith(ONE_OF_MANY)]
    if len(beyond) >= 2:
        return "error"
    return "warn" if any(one.status != "ok" for one in measures) else "ok"


def by_subject(measures: Sequence[Measure]) -> Mapping[str, list[Measure]]:
    """Measures by what they are of."""
    found: dict[str, list[Measure]] = {}
    for one in measures:
        found.setdefault(one.subject, []).append(one)
    return found


def _numbers(series: pl.Series) -> np.ndarray:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
