"""Measurements of methods on windows: numbers per customer kept together, and the table that people read.

Collecting and tabulating belong here; metrics are in `judge.py` and `lists.py`, conclusions in `selection/`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
import polars as pl

from ml_assets.models.kernels.csr import Float64
from ml_assets.models.metrics.intervals import interval_of
from ml_assets.models.metrics.judge import CustomerMetrics
from ml_assets.models.metrics.list_facts import ListFacts
from ml_assets.models.placements import PLACEMENTS

METRICS = ("recall", "ndcg", "hit_rate")


@dataclass(frozen=True)
class Measurement:
    """One method on one window, placement and horizon."""

    placement: str
    cutoff: date
    horizon: int
    method: str
    metrics: CustomerMetrics
    facts: ListFacts
    weight: Float64 | None = None
    """How much each customer counts where methods are compared; None: all alike. Tables show plain means."""

    @property
    def weighted_ndcg(self) -> Float64:
        """By customer, NDCG x weight."""
        return self.metrics.ndcg if self.weight is None else self.metrics.ndcg * self.weight

    @property
    def ndcg(self) -> float:
        """Mean NDCG; 0 without judged customers."""
        return float(self.metrics.ndcg.mean()) if self.metrics.ndcg.size else 0.0


class Measures:
    """All measurements of a study."""

    def __init__(self, measures: Iterable[Measurement] = ()) -> None:
        self.all: list[Measurement] = list(measures)

    def add(self, measures: Iterable[Measurement]) -> None:
        """Take in more."""
        self.all.extend(measures)

    def of(self, placement: str, method: str) -> list[Measurement]:
        """Of one method in one placement, in the order of windows and horizons."""
        found = [one for one in self.all if one.placement == placement and one.method == method]
        return sorted(found, key=lambda one: (one.cutoff, one.horizon))

    def methods(self, placement: str) -> list[str]:
        """Methods measured in a placement, in the order they came."""
        return list(dict.fromkeys(one.method for one in self.all if one.placement == placement))

    def table(self) -> pl.DataFrame:
        """One row per placement, cutoff, horizon and method: means, 95 % intervals and facts of the lists."""
        rows = [
            {"placement": one.placement, "cutoff": one.cutoff, "horizon": one.horizon, "method": one.method}
            | _figures([one])
            for one in self.all
        ]
        return pl.DataFrame(rows, schema=SCHEMA)

    def summary(self) -> pl.DataFrame:
        """The same over all windows together: one row per placement, horizon and method, best NDCG first.

        Means and intervals are over the customers of all windows, facts of the lists are means of the windows;
        `windows` counts them.
        """
        grouped: dict[tuple[str, int, str], list[Measurement]] = {}
        for one in self.all:
            grouped.setdefault((one.placement, one.horizon, one.method), []).append(one)
        rows = [
            {"placement": placement, "horizon": horizon, "method": method, "windows": len(ones)} | _figures(ones)
            for (placement, horizon, method), ones in grouped.items()
        ]
        schema = {"windows" if name == "cutoff" else name: kind for name, kind in SCHEMA.items()}
        frame = pl.DataFrame(rows, schema={**schema, "windows": pl.Int64()})
        order = pl.col("placement").cast(pl.Enum(PLACEMENTS))
        return frame.sort(order, "horizon", "ndcg", descending=[False, False, True], maintain_order=True)


def _figures(ones: Sequence[Measurement]) -> dict[str, float | int]:
    """Means over all customers of some measurements with their intervals, and mean facts of their lists."""
    figures: dict[str, float | int] = {}
    for metric in METRICS:
        interval = interval_of(np.concatenate([getattr(one.metrics, metric) for one in ones]))
        figures |= {metric: interval.mean, f"{metric}_low": interval.low, f"{metric}_high": interval.high}
    facts = [asdict(one.facts) for one in ones]
    figures |= {name: sum(fact[name] for fact in facts) / len(facts) for name in facts[0]}
    figures["items_shown"] = round(figures["items_shown"])
    return figures | {"customers": sum(int(one.metrics.ndcg.size) for one in ones)}


SCHEMA = pl.Schema(
    {
        "placement": pl.String(),
        "cutoff": pl.Date(),
        "horizon": pl.Int64(),
        "method": pl.String(),
        **{f"{metric}{end}": pl.Float64() for metric in METRICS for end in ("", "_low", "_high")},
        "coverage": pl.Float64(),
        "items_shown": pl.Int64(),
        "novelty": pl.Float64(),
        "popularity_share": pl.Float64(),
        "repeat_share": pl.Float64(),
        "new_item_share": pl.Float64(),
        "near_duplicate_share": pl.Float64(),
        "customers": pl.Int64(),
    }
)


def mean_gain(method: Sequence[Measurement], other: Sequence[Measurement]) -> float:
    """Mean over horizons of the NDCG of one method relative to the other's, less 1; customers of all windows together.

    A window of few customers counts by as much as they are, each by their weight.
    """
    sums: dict[int, list[float]] = {}
    for one, two in zip(method, other, strict=True):
        both = sums.setdefault(one.horizon, [0.0, 0.0])
        both[0] += float(one.weighted_ndcg.sum())
        both[1] += float(two.weighted_ndcg.sum())
    ratios = [ours / theirs for ours, theirs in sums.values() if theirs > 0]
    return float(np.mean(ratios)) - 1 if ratios else 0.0


def certainty(method: Sequence[Measurement], other: Sequence[Measurement]) -> float:
    """How many standard errors the NDCG of one method lies above the other's: the paired z, customers of all windows.

    Horizons of one window judge the same customers, so the longest stands for all. Infinite where customers do not
    differ, 0 where nobody was judged or all is equal.
    """
    longest: dict[date, Float64] = {}
    for one, two in zip(method, other, strict=True):
        longest[one.cutoff] = one.weighted_ndcg - two.weighted_ndcg
    return _z(np.concatenate(list(longest.values()))) if longest else 0.0


def least_certainty(method: Sequence[Measurement], other: Sequence[Measurement]) -> float:
    """The smallest of those of each window and horizon alone."""
    each = [_z(one.weighted_ndcg - two.weighted_ndcg) for one, two in zip(method, other, strict=True)]
    return min(each, default=0.0)


def _z(differences: Float64) -> float:
    mean = float(differences.mean()) if differences.size else 0.0
    if mean == 0:
        return 0.0
    error = float(differences.std()) / np.sqrt(differences.size)
    return mean / error if error > 1e-12 else float(np.copysign(np.inf, mean))
