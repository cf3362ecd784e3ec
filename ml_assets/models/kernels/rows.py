"""Compiled loops over the rows of products of sparse matrices: what speaks for a listed item, and rows without gaps.

Only numbers enter here; threads belong to `matrices/sparse_scores.py`.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Float32, Int32, Matrix


@compiled
def _keep_two(best: Float32, names: Int32, given: float, name: int, groups: Int32) -> None:
    """Note a name that gave more than the second largest so far; of two of one group, the larger alone."""
    same = names[0] >= 0 and groups[names[0]] >= 0 and groups[names[0]] == groups[name]
    if given > best[0]:
        if not same:
            best[1], names[1] = best[0], names[0]
        best[0], names[0] = given, name
    elif not same:
        best[1], names[1] = given, name


@compiled
def explain(
    first: int, last: int, left: Matrix, right: Matrix, items: Int32, columns: int, left_groups: Int32, groups: Int32,
    reasons: Int32,
) -> None:  # fmt: skip
    """The two entries of each row of `left` that give most to each listed item in left x right.

    `left_groups` and `groups` say what the columns of left and right are, -1 where they are alone: nothing explains its
    like, and the two are different. `reasons` (rows x K x 2) receives columns of `left`, largest first, and keeps -1
    where nothing positive is.
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
                alike = groups[right[1][b]] >= 0 and groups[right[1][b]] == left_groups[r]
                if given > best[place, 1] and not alike:
                    _keep_two(best[place], reasons[row, place], given, r, left_groups)
        for place in range(items.shape[1]):
            if items[row, place] >= 0:
                places[items[row, place]] = -1


@compiled
def give(
    first: int, last: int, left: Matrix, right: Matrix, rows: Int32, columns: Int32, items: Int32, out: Float32
) -> None:
    """What one column of `left` gives to one item of its row in left x right, for pairs `first` to `last`.

    `columns` holds -1 where there is none; `out` keeps what it held where nothing is given.
    """
    for pair in range(first, last):
        for a in range(left[0][rows[pair]], left[0][rows[pair] + 1]):
            if left[1][a] == columns[pair]:
                for b in range(right[0][columns[pair]], right[0][columns[pair] + 1]):
                    if right[1][b] == items[pair]:
                        out[pair] = left[2][a] * right[2][b]


@compiled
def dense_rows(first: int, last: int, left: Matrix, right: Matrix, out: Float32) -> None:
    """Rows `first` to `last` of left x right, added to the dense `out`."""
    for row in range(first, last):
        target = out[row]
        for a in range(left[0][row], left[0][row + 1]):
            r, factor = left[1][a], left[2][a]
            for b in range(right[0][r], right[0][r + 1]):
                target[right[1][b]] += factor * right[2][b]
