"""Compiled loops over items in groups: the best of a customer's groups, merged from the rankings within them.

Only numbers enter here; what the groups are belongs to `recommenders/popularity.py`.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Bools, Float32, Int32, Int64, Matrix


@compiled
def _before(a: int, b: int, best: Float32, items: Int32) -> bool:
    """Whether the head of ranking a comes before that of b: the higher score, or the same and the lower item."""
    return bool(best[a] > best[b] or (best[a] == best[b] and items[a] < items[b]))


@compiled
def _sink(heap: Int32, size: int, place: int, best: Float32, items: Int32) -> None:
    """Bring the entry at a place of a heap down to where nothing below comes before it."""
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and _before(heap[child + 1], heap[child], best, items):
            child += 1
        if not _before(heap[child], heap[place], best, items):
            return
        heap[child], heap[place] = heap[place], heap[child]
        place = child


@compiled
def top_of_groups(
    first: int, last: int, shares: Matrix, ranked: Matrix, eligible: Bools, excluded: Matrix, items: Int32,
    scores: Float32, counts: Int32,
) -> None:  # fmt: skip
    """Exact top-K by share x score, for rows `first` to `last`.

    A row of `shares` holds the groups of a customer, ascending, a row of `ranked` the items of a group, each in one,
    with their scores, best first. Only positive products of eligible columns outside the row of `excluded` count; equal
    ones rank by the lower item. Fills `items` and `scores`, each rows x K, and `counts`.
    """
    k, widest = items.shape[1], 0
    for row in range(first, last):
        widest = max(widest, shares[0][row + 1] - shares[0][row])
    heap, at, item = np.empty(widest, np.int32), np.empty(widest, np.int64), np.empty(widest, np.int32)
    best, seen = np.empty(widest, np.float32), np.full(eligible.size, -1, np.int64)
    for row in range(first, last):
        for x in range(excluded[0][row], excluded[0][row + 1]):
            seen[excluded[1][x]] = row
        begin, size = shares[0][row], 0
        for which in range(shares[0][row + 1] - begin):
            at[which] = ranked[0][shares[1][begin + which]]
            if _fetch(which, begin, shares, ranked, at, item, best):
                heap[size] = which
                size += 1
        for place in range(size // 2 - 1, -1, -1):
            _sink(heap, size, place, best, item)
        found = 0
        while size > 0 and found < k:
            which = heap[0]
            if eligible[item[which]] and seen[item[which]] != row:
                items[row, found], scores[row, found] = item[which], best[which]
                found += 1
            at[which] += 1
            if not _fetch(which, begin, shares, ranked, at, item, best):
                size -= 1
                heap[0] = heap[size]
            _sink(heap, size, 0, best, item)
        counts[row] = found


@compiled
def _fetch(which: int, begin: int, shares: Matrix, ranked: Matrix, at: Int64, item: Int32, best: Float32) -> bool:
    """Bring the next item of a customer's group to its head; whether there is one that scores."""
    entry = at[which]
    if entry == ranked[0][shares[1][begin + which] + 1]:
        return False
    item[which], best[which] = ranked[1][entry], shares[2][begin + which] * ranked[2][entry]
    return bool(best[which] > 0)


@compiled
def score_groups(
    first: int, last: int, shares: Matrix, group: Int32, score: Float32, groups: int, starts: Int64, items: Int32,
    out: Float32,
) -> None:  # fmt: skip
    """share x score of the items[starts[row]:starts[row + 1]] of rows `first` to `last`; 0 where there is no group.

    `group` is that of each item, -1 for none, below `groups`.
    """
    share = np.zeros(groups, np.float32)
    for row in range(first, last):
        for entry in range(shares[0][row], shares[0][row + 1]):
            share[shares[1][entry]] = shares[2][entry]
        for place in range(starts[row], starts[row + 1]):
            own = group[items[place]]
            out[place] = share[own] * score[items[place]] if own >= 0 else np.float32(0.0)
        for entry in range(shares[0][row], shares[0][row + 1]):
            share[shares[1][entry]] = 0.0
