"""Compiled loops over given pairs: scores and membership of a customer's candidates, row by row.

Only numbers enter; lists over all items are made in `top_sums.py` and `top_dots.py`.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

from typing import Any

import numpy as np

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Bools, Float32, Float64, Int8, Int32, Int64, Matrix
from ml_assets.models.kernels.lists import beats_last, insert


@compiled
def score_pairs(
    first: int, last: int, left: Matrix, right: Matrix, columns: int, starts: Int64, items: Int32, out: Float32
) -> None:
    """(left x right)[row, item] for the items[starts[row]:starts[row + 1]] of rows `first` to `last`."""
    sums = np.zeros(columns, np.float32)
    for row in range(first, last):
        for a in range(left[0][row], left[0][row + 1]):
            r, factor = left[1][a], left[2][a]
            for b in range(right[0][r], right[0][r + 1]):
                sums[right[1][b]] += factor * right[2][b]
        for place in range(starts[row], starts[row + 1]):
            out[place] = sums[items[place]]
        for a in range(left[0][row], left[0][row + 1]):
            r = left[1][a]
            for b in range(right[0][r], right[0][r + 1]):
                sums[right[1][b]] = 0.0


@compiled
def score_factors(
    first: int, last: int, rows: Float32, columns: Float32, starts: Int64, items: Int32, out: Float32
) -> None:
    """rows[row] . columns[item] for the items of rows `first` to `last`."""
    for row in range(first, last):
        for place in range(starts[row], starts[row + 1]):
            total = np.float32(0.0)
            for factor in range(rows.shape[1]):
                total += rows[row, factor] * columns[items[place], factor]
            out[place] = total


@compiled
def best_pairs(
    first: int, last: int, starts: Int64, items: Int32, scores: Float32, allowed: Bools,
    out: Int32, out_scores: Float32, counts: Int32,
) -> None:  # fmt: skip
    """The best allowed pairs of rows `first` to `last` into `out` (rows x K), ties by the lower item."""
    k = out.shape[1]
    for row in range(first, last):
        found = 0
        for place in range(starts[row], starts[row + 1]):
            if allowed[place] and beats_last(out, out_scores, row, found, scores[place], items[place]):
                insert(out, out_scores, row, found, scores[place], items[place])
                found = min(found + 1, k)
        counts[row] = found


@compiled
def mark_best(first: int, last: int, starts: Int64, scores: Float32, most: int, out: Bools) -> None:
    """Mark the best `most` pairs of rows `first` to `last`, and those that equal the last of them."""
    for row in range(first, last):
        own = scores[starts[row] : starts[row + 1]]
        if own.size > most:
            out[starts[row] : starts[row + 1]] = own >= np.partition(own, own.size - most)[own.size - most]
        else:
            out[starts[row] : starts[row + 1]] = True


@compiled
def cap_groups(
    first: int, last: int, items: Int32, scores: Float32, tiers: Int8, counts: Int32, group: Int32, k: int, most: int
) -> None:
    """Reorder lists so that among the first `k` no group has more than `most` items, where there are others.

    Items keep their order among those within the cap, and among those beyond it, which follow behind the first `k`.
    """
    width = items.shape[1]
    kept_items, kept_scores, kept_tiers = (
        np.empty(width, np.int32),
        np.empty(width, np.float32),
        np.empty(width, np.int8),
    )
    late = np.empty(width, np.bool_)
    for row in range(first, last):
        taken = 0
        for place in range(counts[row]):
            own = group[items[row, place]]
            same = 0
            if own >= 0:
                for earlier in range(taken):
                    if group[kept_items[earlier]] == own:
                        same += 1
            late[place] = taken >= k or same >= most
            if not late[place]:
                kept_items[taken] = items[row, place]
                kept_scores[taken] = scores[row, place]
                kept_tiers[taken] = tiers[row, place]
                taken += 1
        for place in range(counts[row]):
            if late[place]:
                kept_items[taken] = items[row, place]
                kept_scores[taken] = scores[row, place]
                kept_tiers[taken] = tiers[row, place]
                taken += 1
        items[row, :taken] = kept_items[:taken]
        scores[row, :taken] = kept_scores[:taken]
        tiers[row, :taken] = kept_tiers[:taken]


@compiled
def ndcg_of_pairs(
    first: int, last: int, starts: Int64, scores: Float32, added: Float32, weight: Any, label: Bools,
    discounts: Float64, out: Float64,
) -> None:  # fmt: skip
    """The NDCG of the pairs of rows `first` to `last` ranked by scores + weight x added, with as many ranks as there
    are discounts; `weight` is a float32.

    Equal scores rank by the earlier pair; a row without a labelled pair keeps what `out` held.
    """
    k = discounts.size
    best, places = np.empty((1, k), np.float32), np.empty((1, k), np.int32)
    for row in range(first, last):
        found, relevant = 0, 0
        for place in range(starts[row], starts[row + 1]):
            relevant += label[place]
            here, score = place - starts[row], scores[place] + weight * added[place]
            if beats_last(places, best, 0, found, score, here):
                insert(places, best, 0, found, score, here)
                found = min(found + 1, k)
        if relevant == 0:
            continue
        gain, ideal = 0.0, 0.0
        for rank in range(found):
            if label[starts[row] + places[0, rank]]:
                gain += discounts[rank]
        for rank in range(min(relevant, k)):
            ideal += discounts[rank]
        out[row] = gain / ideal
