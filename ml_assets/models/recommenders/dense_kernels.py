"""The compiled loops over dense factors: exact top-K of dot products, without ever holding all scores.

Only numbers enter here, as in `kernels.py`; packing, checks and threads belong to `dense_products.py`. BLAS gives
approximate scores of a group of customers for a block of items; whatever could rank within its rounding error is
scored again exactly, so lists depend neither on the BLAS nor on how the work is shared out.

Numba notices changes of this file alone: after editing the heap in `kernels.py`, touch this file too.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np
import numpy.typing as npt

from ml_assets.models.recommenders.compiling import compiled, compiled_in_any_order
from ml_assets.models.recommenders.kernels import Matrix, _rise, _sink, _sort, _worse
from ml_assets.models.recommenders.sparse import Float32, Int32, Int64

Float64 = npt.NDArray[np.float64]
Packed = tuple[Float32, Float32, Int32, Float64, Float64, Float64]
"""(blocks x WIDTH x factors, blocks x WIDTH codes with -1 as padding, greatest length with bias in each
block, greatest length without bias in it and all later blocks, greatest bias in the same)."""

GROUP = 256
"""Customers scored together."""
WIDTH = 512
"""Items scored together: scores of a group stay in the second-level cache."""
_STRIPE = 64
"""Scores compared with the threshold at once."""
_ROUNDING = 2.0**-24
_SMALLEST = 2.0**-126
"""Products below it may come out as 0."""


@compiled_in_any_order
def _exact(vector: Float32, other: Float32) -> np.float32:
    """A dot product. Products of float32 are exact in float64, so before the last rounding it errs by 1e-16."""
    total = 0.0
    for f in range(vector.size):
        total += np.float64(vector[f]) * np.float64(other[f])
    return np.float32(total)


@compiled
def _threshold(full: bool, worst: float, error: float) -> np.float32:
    """Approximate scores below it cannot enter a heap; `error` bounds how far they are from the exact ones."""
    return np.float32(worst - error - 4 * _ROUNDING * abs(worst)) if full else np.float32(-np.inf)


@compiled
def _next_stripe(approximate: Float32, g: int, start: int, threshold: np.float32) -> int:
    """The first stripe from `start` on with a score that is not below the threshold; WIDTH if there is none."""
    while start < WIDTH:
        promising = np.uint8(0)
        for column in range(start, start + _STRIPE):
            # Neither a branch nor a wider type, so that the compiler compares many at once.
            promising = np.uint8(promising | np.uint8(approximate[g, column] >= threshold))
        if promising != 0:
            break
        start += _STRIPE
    return start


@compiled
def _contains(values: Int32, first: int, last: int, value: int) -> bool:
    """Whether ascending `values` hold a value between two places, the latter excluded."""
    while first < last:
        middle = (first + last) // 2
        if values[middle] == value:
            return True
        if values[middle] < value:
            first = middle + 1
        else:
            last = middle
    return False


@compiled
def _offer(
    start: int, approximate: Float32, g: int, vector: Float32, block: Float32, codes: Int32, error: float,
    row: int, excluded: Matrix, heap: Float32, heap_items: Int32, found: int,
) -> int:  # fmt: skip
    """Put the items of a block that belong there into the heap of one customer; returns its new size."""
    threshold = _threshold(found == heap.size, heap[0], error)
    while start < WIDTH:
        for column in range(start, start + _STRIPE):
            item = codes[column]
            if approximate[g, column] < threshold or item < 0:
                continue
            score = _exact(vector, block[column])
            if found == heap.size and not _worse(heap[0], heap_items[0], score, item):
                continue
            # Late, because few items come so far.
            if _contains(excluded[1], excluded[0][row], excluded[0][row + 1], item):
                continue
            if found < heap.size:
                _rise(heap, heap_items, found, score, item)
                found += 1
            else:
                _sink(heap, heap_items, found, score, item)
            threshold = _threshold(found == heap.size, heap[0], error)
        start = _next_stripe(approximate, g, start + _STRIPE, threshold)
    return found


@compiled
def _drop_finished(
    block: int, alive: int, group: Int64, rows: Float32, lengths: Float64, packed: Packed,
    scores: Float32, counts: Int32,
) -> int:  # fmt: skip
    """Move customers whose lists no later item can enter behind the others; returns how many others there are.

    A score is at most length x length (Cauchy and Schwarz) plus bias.
    """
    g = 0
    while g < alive:
        row = group[g]
        product, bias = lengths[row, 0] * packed[4][block], packed[5][block]
        bound = product + bias + 4 * _ROUNDING * (product + abs(bias))
        if counts[row] == scores.shape[1] and bound < scores[row, 0]:
            alive -= 1
            group[g], group[alive] = group[alive], group[g]
            rows[g] = rows[alive]
        else:
            g += 1
    return alive


@compiled
def _score_group(
    first_block: int, last_block: int, group: Int64, users: Float32, lengths: Float64, packed: Packed,
    rows: Float32, approximate: Float32, excluded: Matrix, items: Int32, scores: Float32, counts: Int32,
) -> int:  # fmt: skip
    """Offer the items of some blocks to a group; moves who is finished to its end, returns how many are not."""
    alive = group.size
    for g in range(alive):
        rows[g] = users[group[g]]
    k = items.shape[1]
    # BLAS may sum in any order: n rounding errors at most, each relative to the product of the lengths.
    rounding = (users.shape[1] + 8) * _ROUNDING
    for b in range(first_block, last_block):
        alive = _drop_finished(b, alive, group, rows, lengths, packed, scores, counts)
        if alive == 0:
            break
        block, codes = packed[1][b], packed[2][b]
        np.dot(rows[:alive], packed[0][b], approximate[:alive])
        for g in range(alive):
            row = group[g]
            error = rounding * lengths[row, 1] * packed[3][b] + users.shape[1] * _SMALLEST
            start = _next_stripe(approximate, g, 0, _threshold(counts[row] == k, scores[row, 0], error))
            # Slices cost more than looking through a block in which nothing is found.
            if start < WIDTH:
                counts[row] = _offer(
                    start, approximate, g, rows[g], block, codes, error, row, excluded, scores[row], items[row],
                    counts[row],
                )  # fmt: skip
    return alive


@compiled
def top_dots(
    first: int,
    last: int,
    users: Float32,
    lengths: Float64,
    packed: Packed,
    excluded: Matrix,
    items: Int32,
    scores: Float32,
    shares: Float32,
    counts: Int32,
) -> None:
    """Exact top-K of users x items for rows `first` to `last`; equal scores rank by the lower code.

    `users` is rows x factors, `lengths` (rows x 2) the length of each row without and with the factor that carries
    the bias. Blocks come longest items first, so that customers finish early.
    Fills `items`, `scores`, `shares` (1), each rows x K, and `counts`, which must be 0. Rows of `excluded` are ascending.
    """
    waiting = np.arange(first, last)
    rows, approximate = np.empty((GROUP, users.shape[1]), np.float32), np.empty((GROUP, WIDTH), np.float32)
    alive, block, step = waiting.size, 0, 1
    while block < packed[2].shape[0] and alive > 0:
        # Who is not finished is grouped anew after 1, 2, 4, ... blocks: full groups keep BLAS fast.
        end = min(block + step, packed[2].shape[0])
        kept = 0
        for start in range(0, alive, GROUP):
            group = waiting[start : min(start + GROUP, alive)]
            size = _score_group(
                block, end, group, users, lengths, packed, rows, approximate, excluded, items, scores, counts
            )
            for g in range(size):
                waiting[kept] = group[g]
                kept += 1
        alive, block, step = kept, end, 2 * step
    for row in range(first, last):
        _sort(scores[row], items[row], counts[row])
        shares[row, : counts[row]] = 1.0
