"""The compiled loops over dense factors: exact top-K of dot products, without ever holding all scores.

Only numbers enter here, and no objects; packing, checks and threads belong to `matrices/dense_scores.py`. BLAS gives
approximate scores of a group of customers for a block of items; whatever could rank within its rounding error is
scored again exactly, so lists depend neither on the BLAS nor on how the work is shared out.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np

from ml_assets.models.kernels.compiling import compiled, compiled_in_any_order
from ml_assets.models.kernels.csr import Float32, Float64, Int32, Int64, Matrix
from ml_assets.models.kernels.lists import beats_last, insert

Packed = tuple[Float32, Float32, Int32, Float64, Float64, Float64]
"""Items as blocks x factors x WIDTH for BLAS, the same as blocks x WIDTH x factors for single scores, their codes as
blocks x WIDTH with -1 as padding, and per block: the greatest length with the bias as one more factor in it, the
greatest length without bias in it and all later blocks, the greatest bias in these."""

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
def _exact(users: Float32, row: int, items: Float32, block: int, column: int) -> np.float32:
    """A dot product. Products of float32 are exact in float64, so before the last rounding it errs by 1e-16."""
    total = 0.0
    for f in range(users.shape[1]):
        total += np.float64(users[row, f]) * np.float64(items[block, column, f])
    return np.float32(total)


@compiled
def _threshold(full: bool, worst: float, error: float) -> np.float32:
    """Approximate scores below it cannot enter a heap; `error` bounds how far they are from the exact ones."""
    return np.float32(worst - error - 4 * _ROUNDING * abs(worst)) if full else np.float32(-np.inf)


@compiled
def _next_stripe(striped: Float32, g: int, stripe: int, threshold: np.float32) -> int:
    """The first stripe from `stripe` on with a score that is not below the threshold; their number if there is none."""
    while stripe < striped.shape[1]:
        promising = np.uint8(0)
        # Neither a branch nor a wider type nor an index that might be negative: many are compared at once.
        for lane in range(_STRIPE):
            promising = np.uint8(promising | np.uint8(striped[g, stripe, lane] >= threshold))
        if promising != 0:
            break
        stripe += 1
    return stripe


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
    stripe: int, striped: Float32, g: int, error: float, users: Float32, row: int, block: int, packed: Packed,
    excluded: Matrix, items: Int32, scores: Float32, found: int,
) -> int:  # fmt: skip
    """Put the items of a block that belong there into the list of one customer; returns its new length.

    Rows are named, not sliced: slices are counted references, which cost more than most of the loop.
    """
    k = items.shape[1]
    threshold = _threshold(found == k, scores[row, k - 1], error)
    while stripe < striped.shape[1]:
        for lane in range(_STRIPE):
            if striped[g, stripe, lane] < threshold:
                continue
            column = stripe * _STRIPE + lane
            item = packed[2][block, column]
            if item < 0:
                continue
            score = float(_exact(users, row, packed[1], block, column))
            if not beats_last(items, scores, row, found, score, item):
                continue
            # Late, because few items come so far.
            if _contains(excluded[1], excluded[0][row], excluded[0][row + 1], item):
                continue
            insert(items, scores, row, found, score, item)
            found = min(found + 1, k)
            threshold = _threshold(found == k, scores[row, k - 1], error)
        stripe = _next_stripe(striped, g, stripe + 1, threshold)
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
        if counts[row] == scores.shape[1] and bound < scores[row, scores.shape[1] - 1]:
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
    striped = approximate.reshape(GROUP, WIDTH // _STRIPE, _STRIPE)
    # BLAS may sum in any order: n rounding errors at most, each relative to the product of the lengths.
    rounding = (users.shape[1] + 8) * _ROUNDING
    for b in range(first_block, last_block):
        alive = _drop_finished(b, alive, group, rows, lengths, packed, scores, counts)
        if alive == 0:
            break
        np.dot(rows[:alive], packed[0][b], approximate[:alive])
        for g in range(alive):
            row = group[g]
            error = rounding * lengths[row, 1] * packed[3][b] + users.shape[1] * _SMALLEST
            stripe = _next_stripe(striped, g, 0, _threshold(counts[row] == k, scores[row, k - 1], error))
            if stripe < striped.shape[1]:
                counts[row] = _offer(
                    stripe, striped, g, error, users, row, b, packed, excluded, items, scores, counts[row]
                )
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
    counts: Int32,
) -> None:
    """Exact top-K of users x items for rows `first` to `last`; equal scores rank by the lower code.

    `users` is rows x factors, `lengths` (rows x 2) the length of each row without and with the factor that carries
    the bias. Blocks come longest items first, so that customers finish early; rows of `excluded` are ascending.
    Fills `items` and `scores`, each rows x K, and `counts`, which must be 0.
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
