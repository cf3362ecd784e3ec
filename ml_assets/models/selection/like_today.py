"""Weights of judged customers, so that as much is known of them as of those who are served today.

Before a window less is known of everybody than today, and of some nothing: the more so the shorter a history is.
Methods that need to know much would look worse than they are. So customers count by how many today have a history as
long (importance weighting under covariate shift; Shimodaira, Journal of Statistical Planning and Inference 2000).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ml_assets.models.kernels.csr import Float64, Int32, Int64
from ml_assets.models.metrics.judge import Judge
from ml_assets.models.metrics.measures import Measurement
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.selection.window import Window

ENOUGH = 0.05
"""Of the known customers judged, the share that a length of history must have to speak for those of today."""
_LENGTHS = 33
"""Lengths of histories: none, then orders by powers of two."""


def orders_today(snapshot: Snapshot, days: int) -> Int32:
    """Orders of each customer who had one in the last so many days: those who are likely to be served."""
    active = ~snapshot.has_left(days)
    return snapshot.purchases.orders[: snapshot.customers][active]


def weighted(measures: Iterable[Measurement], windows: Sequence[Window], today: Int32) -> list[Measurement]:
    """The measures with the weights of their customers; `today` holds orders of each customer who is served today."""
    weights = _weights(windows, today)
    return [replace(one, weight=weights[one.placement, one.cutoff, one.horizon]) for one in measures]


def _weights(windows: Sequence[Window], today: Int32) -> dict[tuple[str, object, int], Float64]:
    """By placement, cut-off and horizon, one weight per judged customer; strangers, who get the same list of every
    method, have none."""
    judged: dict[tuple[str, int], list[tuple[Judge, Int64]]] = {}
    for window in windows:
        for judge in window.judges:
            orders = window.snapshot.purchases.orders[judge.known]
            known = _length(np.append(orders, np.zeros(judge.strangers, np.int32)))
            judged.setdefault((judge.placement, judge.horizon), []).append((judge, known))
    return {
        (placement, judge.cutoff, horizon): by_length[lengths]
        for (placement, horizon), found in judged.items()
        for by_length in [_by_length(np.concatenate([lengths for _, lengths in found]), _length(today))]
        for judge, lengths in found
    }


def _by_length(judged: Int64, today: Int64) -> Float64:
    """The weight of each length of history: its share today over that among the judged.

    A length that too few of the judged have is taken together with the nearest. All alike where nobody is known.
    """
    counts = np.bincount(judged, minlength=_LENGTHS).astype(np.float64)
    counts[0] = 0
    if not counts.any() or not today.size:
        return np.ones(_LENGTHS)
    enough = np.flatnonzero(counts >= ENOUGH * counts.sum())
    nearest = enough[np.abs(np.arange(_LENGTHS)[:, np.newaxis] - enough).argmin(axis=1)]
    share = np.bincount(nearest, counts, _LENGTHS) / counts.sum()
    wanted = np.bincount(nearest[today], minlength=_LENGTHS) / today.size
    weights = wanted[nearest] / share[nearest]
    weights[0] = 0
    return np.asarray(weights)


def _length(orders: Int32) -> Int64:
    """0 for none, 1 for one, 2 for two, 3 for three and four, 4 for five to eight orders, and so on."""
    known = np.ceil(np.log2(np.maximum(orders, 1))) + 1
    return np.where(orders > 0, np.minimum(known, _LENGTHS - 1), 0).astype(np.int64)
