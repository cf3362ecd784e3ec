"""Kinds of customers by which an evaluation is broken down: how much history they had, and their segment.

Grouping belongs here; the numbers per customer come from the judge.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from ml_assets.models.metrics.judge import Judge
from ml_assets.models.metrics.measures import Measurement
from ml_assets.models.ranking.snapshot import Snapshot

COLD_STARTS = ((0, "no order"), (1, "1 order"), (2, "2 to 4 orders"), (5, "5 to 19 orders"), (20, "20 orders or more"))
"""Least orders before the cut-off, and the words for the group."""

SCHEMA = pl.Schema(
    {
        "placement": pl.String(),
        "horizon": pl.Int64(),
        "kind": pl.String(),
        "which": pl.String(),
        "customers": pl.Int64(),
        "method": pl.String(),
        "ndcg": pl.Float64(),
        "recall": pl.Float64(),
    }
)


def break_down(
    snapshot: Snapshot, judge: Judge, measures: list[Measurement], segments: pl.DataFrame | None
) -> pl.DataFrame:
    """The measures of one judge by kinds of customers; `segments` holds customer_id and segment_key as of then."""
    orders = np.append(snapshot.purchases.orders[judge.known], np.zeros(judge.strangers, np.int32))
    limits = np.array([limit for limit, _ in COLD_STARTS])
    words = np.array([word for _, word in COLD_STARTS])
    kinds = {"orders": words[np.searchsorted(limits, orders, side="right") - 1]}
    if segments is not None:
        kinds["segment"] = _segments(snapshot, judge, segments)
    rows = [
        {
            "placement": judge.placement,
            "horizon": judge.horizon,
            "kind": kind,
            "which": which,
            "customers": int((groups == which).sum()),
            "method": measure.method,
            "ndcg": float(measure.metrics.ndcg[groups == which].mean()),
            "recall": float(measure.metrics.recall[groups == which].mean()),
        }
        for kind, groups in kinds.items()
        for which in dict.fromkeys([*(word for _, word in COLD_STARTS), *sorted(set(groups.tolist()))])
        if (groups == which).any()
        for measure in measures
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def _segments(snapshot: Snapshot, judge: Judge, segments: pl.DataFrame) -> npt.NDArray[np.str_]:
    known = pl.DataFrame({"customer_id": snapshot.purchases.customers.gather(judge.known)})
    keys = known.join(segments, on="customer_id", how="left", maintain_order="left")["segment_key"]
    return np.array([*(key or "none" for key in keys), *["none"] * judge.strangers], dtype=np.str_)
