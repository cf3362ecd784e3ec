"""Item-item weights in closed form: the inverse of X'X + lambda I, by whichever of its two sides is smaller.

Linear algebra only; what X holds, and what the weights are for, belongs to the models.
"""

import numpy as np
from scipy.linalg import lapack

from ml_assets.models.kernels import item_weights as kernels
from ml_assets.models.kernels.csr import Csr, Float32, Int32
from ml_assets.models.matrices.sparse_scores import gram, in_threads, matrix

BY_ROWS = 0.75
"""Rows for each item below which the inverse is made on the side of the rows; measured."""


def closed_form_weights(counts: Csr, regularisation: float, kept: int) -> Csr:
    """B[j, i] = -P[j, i] / P[i, i] with P = (X'X + lambda I)^-1, 0 on the diagonal; `counts` is X, rows x items.

    lambda = `regularisation` x the mean of the diagonal of X'X. Of each row of B the `kept` entries furthest from 0 are
    kept, equal ones by the lower column. Time grows with the cube of the items or of the rows, whichever are fewer,
    memory with the square of the items or with items x rows. Where X is 0 there are no weights.
    """
    size = counts.columns
    kept = min(kept, max(size - 1, 0))
    ridge = regularisation * float(np.square(counts.data, dtype=np.float64).sum()) / max(size, 1)
    if kept == 0 or ridge == 0:
        return Csr.empty(size, size)
    columns, data = np.empty((size, kept), np.int32), np.empty((size, kept), np.float32)
    if counts.rows < BY_ROWS * size:
        _fill_by_rows(counts, ridge, columns, data)
    else:
        _fill_by_items(counts, ridge, columns, data)
    return Csr.of(np.arange(size + 1, dtype=np.int64) * kept, columns.ravel(), data.ravel(), size)


def _fill_by_items(counts: Csr, ridge: float, columns: Int32, data: Float32) -> None:
    """B from P itself."""
    inverse = _inverse(gram(counts), ridge)
    arguments = (inverse, -np.diagonal(inverse), columns, data)
    in_threads(counts.columns, lambda first, last: kernels.largest_weights(first, last, *arguments))


def _fill_by_rows(counts: Csr, ridge: float, columns: Int32, data: Float32) -> None:
    """The same without P: with W = X' (X X' + lambda I)^-1 X it is P = (I - W) / lambda (Woodbury)."""
    by_item = counts.transposed()
    inverse = _inverse(gram(by_item), ridge)
    halfway = np.zeros((counts.columns, counts.rows), np.float32)
    left = matrix(by_item)
    in_threads(
        counts.columns,
        lambda first, last: kernels.dense_product(first, last, left, inverse, halfway[first:last]),
    )
    across = np.ascontiguousarray(halfway.T)
    diagonal = np.empty(counts.columns, np.float32)
    in_threads(counts.columns, lambda first, last: kernels.product_diagonal(first, last, left, across, diagonal))
    arguments = (left, across, 1 - diagonal, columns, data)
    in_threads(counts.columns, lambda first, last: kernels.largest_products(first, last, *arguments))


def _inverse(square: Float32, ridge: float) -> Float32:
    """(square + ridge I)^-1 of a symmetric matrix, whose memory it takes over."""
    diagonal = np.arange(square.shape[0])
    square[diagonal, diagonal] += np.float32(ridge)
    # A symmetric matrix in rows is the same matrix in columns, which LAPACK works on without a copy.
    factor, failed = lapack.spotrf(square.T, lower=1, overwrite_a=1)
    inverse, failed_too = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise np.linalg.LinAlgError("X'X + lambda I is not positive definite in single precision")
    # potri fills one triangle: the upper one of the rows.
    whole = np.ascontiguousarray(inverse.T)
    in_threads(whole.shape[0], lambda first, last: kernels.mirror(first, last, whole))
    return whole
