"""Compiled loops behind item-item weights in closed form: products with dense matrices, and the largest of each row.

Only numbers enter here; what is inverted, and why, belongs to `recommenders/ease.py`.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Float32, Int32, Matrix
from ml_assets.models.kernels.largest import copy_largest, least_kept

_WIDTH = 256
"""Columns of a dense matrix that are worked on together: few enough to stay in the processor's caches; measured."""
_ROWS = 256
"""Rows of sums in memory at a time."""


@compiled
def dense_product(first: int, last: int, left: Matrix, right: Float32, out: Float32) -> None:
    """Rows `first` to `last` of left x right, added to `out`, whose first row is `first`; `right` is dense."""
    for begin in range(0, right.shape[1], _WIDTH):
        end = min(begin + _WIDTH, right.shape[1])
        for row in range(first, last):
            target = out[row - first, begin:end]
            for a in range(left[0][row], left[0][row + 1]):
                source, factor = right[left[1][a], begin:end], left[2][a]
                for column in range(end - begin):
                    target[column] += factor * source[column]


@compiled
def product_diagonal(first: int, last: int, left: Matrix, right: Float32, out: Float32) -> None:
    """The diagonal of left x right for rows `first` to `last`; `right` is dense."""
    for row in range(first, last):
        total = np.float32(0.0)
        for a in range(left[0][row], left[0][row + 1]):
            total += left[2][a] * right[left[1][a], row]
        out[row] = total


@compiled
def mirror(first: int, last: int, square: Float32) -> None:
    """Copy what is above the diagonal to the rows `first` to `last` below it."""
    for begin in range(first, last, _WIDTH):
        end = min(begin + _WIDTH, last)
        for other in range(0, end, _WIDTH):
            for row in range(begin, end):
                for column in range(other, min(other + _WIDTH, row)):
                    square[row, column] = square[column, row]


@compiled
def _keep_largest(row: Float32, sizes: Int32, columns: Int32, data: Float32) -> None:
    """The entries of a row that are furthest from 0, as many as there is room for; equal ones by the lower column."""
    bits = row.view(np.int32)
    for column in range(row.size):
        sizes[column] = bits[column] & np.int32(0x7FFFFFFF)
    least, equal = least_kept(sizes, data.size)
    copy_largest(row, sizes, least, equal, columns, data)


@compiled
def largest_weights(first: int, last: int, square: Float32, divisor: Float32, columns: Int32, data: Float32) -> None:
    """Of square / divisor, without its diagonal, the entries furthest from 0 of the rows `first` to `last`.

    `columns` and `data` are rows x kept, with fewer kept than there are columns; columns ascend.
    """
    row, sizes = np.empty(square.shape[1], np.float32), np.empty(square.shape[1], np.int32)
    for which in range(first, last):
        for column in range(row.size):
            row[column] = square[which, column] / divisor[column]
        row[which] = 0.0
        _keep_largest(row, sizes, columns[which], data[which])


@compiled
def largest_products(
    first: int, last: int, left: Matrix, right: Float32, divisor: Float32, columns: Int32, data: Float32
) -> None:
    """The same of left x right, which is square; `right` is dense."""
    sums, sizes = np.empty((_ROWS, right.shape[1]), np.float32), np.empty(right.shape[1], np.int32)
    for begin in range(first, last, _ROWS):
        end = min(begin + _ROWS, last)
        sums[:] = 0.0
        dense_product(begin, end, left, right, sums)
        for which in range(begin, end):
            row = sums[which - begin]
            for column in range(row.size):
                row[column] /= divisor[column]
            row[which] = 0.0
            _keep_largest(row, sizes, columns[which], data[which])
