"""Compiled loops over the rows of products of sparse matrices: what speaks for a listed item, and rows without gaps.

Only numbers enter here; threads belong to `matrices/sparse_scores.py`.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Float32, Int32, Matrix


@compiled
def _keep_two(best: Float32, names: Int32, given: float, name: int) -> None:
    """Note a name that gave more than the second largest so far."""
    if given > best[0]:
        best[1], names[1] = best[0], names[0]
        best[0], names[0] = given, name
    else:
        best[1], names[1] = given, name


@compiled
def explain(first: int, last: int, left: Matrix, right: Matrix, items: Int32, columns: int, reasons: Int32) -> None:
    """The two entries of each row of `left` that give most to each listed item in left x right.

    `reasons` (rows x K x 2) receives columns of `left`, largest first, and keeps -1 where nothing positive is.
    """
    places = np.full(columns, -1, np.int32)
    best = np.empty((items.shape[1], 2), np.float32)
    for row in range(first, last):
        best[:] = 0.0
        for place in range(items.shape[1]):
            if items[row, place] >= 0:
                places[items[row, place]] = place
        for a in range(left[0][row], left[0][row + 1]):
            r, factor = left[1][a], left[2][a]
            for b in range(right[0][r], right[0][r + 1]):
                place = places[right[1][b]]
                if place < 0:
                    continue
                given = factor * right[2][b]
                if given > best[place, 1]:
                    _keep_two(best[place], reasons[row, place], given, r)
        for place in range(items.shape[1]):
            if items[row, place] >= 0:
                places[items[row, place]] = -1


@compiled
def dense_rows(first: int, last: int, left: Matrix, right: Matrix, out: Float32) -> None:
    """Rows `first` to `last` of left x right, added to the dense `out`."""
    for row in range(first, last):
        target = out[row]
        for a in range(left[0][row], left[0][row + 1]):
            r, factor = left[1][a], left[2][a]
            for b in range(right[0][r], right[0][r + 1]):
                target[right[1][b]] += factor * right[2][b]
