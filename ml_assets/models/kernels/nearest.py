"""The compiled loop that finds the nearest rows: the largest sums of a sparse product, in no order.

Only numbers enter here; who is near to whom belongs to `recommenders/neighbours.py`.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Float32, Int32, Matrix
from ml_assets.models.kernels.largest import copy_largest, least_kept


@compiled
def _take_largest(sums: Float32, sizes: Int32, items: Int32, scores: Float32) -> int:
    """Copy the largest positive sums, as many as there is room for; returns how many there are."""
    bits, positive = sums.view(np.int32), 0
    for column in range(sums.size):
        is_positive = sums[column] > 0
        sizes[column] = bits[column] if is_positive else 0
        positive += is_positive
    # Nothing is of size 0 but what does not count.
    least, equal = 1, sums.size
    if positive > items.size:
        least, equal = least_kept(sizes, items.size)
    return copy_largest(sums, sizes, least, equal, items, scores)


@compiled
def nearest_columns(
    first: int, last: int, left: Matrix, right: Matrix, columns: int, itself: Int32, items: Int32, scores: Float32,
    counts: Int32,
) -> None:  # fmt: skip
    """The K columns with the largest positive sums of left x right, for rows `first` to `last`, ascending.

    Column itself[row], where it is not -1, is left out; of equal sums the lower columns are taken. Fills `items` and
    `scores`, each rows x K with K > 0, and `counts`.
    """
    sums, sizes = np.zeros(columns, np.float32), np.empty(columns, np.int32)
    for row in range(first, last):
        for a in range(left[0][row], left[0][row + 1]):
            r, factor = left[1][a], left[2][a]
            for b in range(right[0][r], right[0][r + 1]):
                sums[right[1][b]] += factor * right[2][b]
        if itself[row] >= 0:
            sums[itself[row]] = 0.0
        counts[row] = _take_largest(sums, sizes, items[row], scores[row])
        sums[:] = 0.0
