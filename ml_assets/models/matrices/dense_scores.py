"""Scores as dot products of dense factors, and the lists they give, computed on all cores.

The counterpart of `sparse_scores.py` for models that learn a vector per customer and per item. What the factors mean
belongs to the models.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.linalg.cython_blas  # noqa: F401 the BLAS of compiled code; only what is loaded can be held to one thread
from threadpoolctl import threadpool_limits

from ml_assets.models.kernels.csr import Bools, Csr, Float32, Float64
from ml_assets.models.kernels.top_dots import WIDTH, Packed, top_dots
from ml_assets.models.matrices.sparse_scores import Lists, in_threads, matrix


def top_factors(
    users: Float32,
    items: Float32,
    k: int,
    *,
    eligible: Bools,
    excluded: Csr | None = None,
    bias: Float32 | None = None,
) -> Lists:
    """The exact top-K of users . items + bias for each user, among eligible items not in its row of `excluded`.

    `users` is n x factors, `items` m x factors, `bias` a number per item (a popularity, say), `excluded` n x m, of
    which only the pattern counts. A score is summed in float64 and rounded to float32; all count, also negative
    ones. Equal scores rank by the lower item; rows with fewer than K items are padded with -1. Lists depend neither
    on the BLAS nor on how users are shared between calls and threads.

    Raises ValueError for shapes that do not fit, factors that are not finite, and scores beyond float32.
    """
    typical = float(np.median(_lengths(users))) if users.size else 1.0
    return PackedItems.of(items, eligible=eligible, bias=bias, user_length=typical).top(users, k, excluded=excluded)


@dataclass(frozen=True)
class PackedItems:
    """Eligible items laid out for the kernel, longest first; made once, good for any number of blocks of users."""

    packed: Packed
    columns: int
    factors: int
    biased: bool

    @classmethod
    def of(cls, items: Float32, *, eligible: Bools, bias: Float32 | None = None, user_length: float = 1.0) -> Self:
        """Pack item factors (m x factors); see `top_factors`.

        `user_length`, the usual length of a user's factors, weighs the bias when items are put in order; it changes
        what lists cost, not what they hold.
        """
        columns, factors = items.shape
        if eligible.shape != (columns,) or (bias is not None and bias.shape != (columns,)):
            raise ValueError(f"There are {columns} items, but not as many entries in `eligible` or `bias`.")
        _check_finite(items, "item factors")
        kept = np.flatnonzero(eligible)
        offsets = np.zeros(kept.size) if bias is None else bias[kept].astype(np.float64)
        _check_finite(offsets, "bias")
        lengths = _lengths(items)[kept]
        order = np.argsort(-(lengths * user_length + offsets), kind="stable")
        kept, lengths, offsets = kept[order], lengths[order], offsets[order]
        full = _with_last(items[kept], None if bias is None else offsets)
        blocks = -(-kept.size // WIDTH)
        shape = (blocks, WIDTH)
        codes = _resized(kept.astype(np.int32), shape, -1)
        by_item = _resized(full, (*shape, full.shape[1]), 0.0)
        return cls(
            packed=(
                np.ascontiguousarray(by_item.transpose(0, 2, 1)),
                by_item,
                codes,
                _resized(np.hypot(lengths, offsets), shape, 0.0).max(axis=1),
                _from_here_on(_resized(lengths, shape, 0.0)),
                _from_here_on(_resized(offsets, shape, -np.inf)),
            ),
            columns=columns,
            factors=factors,
            biased=bias is not None,
        )

    def top(self, users: Float32, k: int, *, excluded: Csr | None = None) -> Lists:
        """The lists of some users (n x factors); row r of `excluded` belongs to row r of `users`."""
        rows = users.shape[0]
        if users.ndim != 2 or users.shape[1] != self.factors:
            raise ValueError(f"Users have factors of shape {users.shape}, items have {self.factors} factors.")
        if excluded is not None and (excluded.rows, excluded.columns) != (rows, self.columns):
            shape = f"{excluded.rows} rows x {excluded.columns} columns"
            raise ValueError(f"`excluded` has {shape}, not {rows} x {self.columns}.")
        _check_finite(users, "user factors")
        lists = Lists.empty(rows, k)
        if k == 0 or rows == 0 or self.packed[0].shape[0] == 0:
            return lists
        full = _with_last(users, np.ones(rows) if self.biased else None)
        lengths = np.stack([_lengths(users), _lengths(full)], axis=1)
        if lengths[:, 1].max() * self.packed[3].max() >= np.finfo(np.float32).max:
            raise ValueError("The factors are so large that scores may lie beyond float32; scale them down.")
        arguments = (
            full, lengths, self.packed, matrix(_ascending(excluded or Csr.empty(rows, 0))),
            lists.items, lists.scores, lists.counts,
        )  # fmt: skip
        # Threads of BLAS would compete with those that call it.
        with threadpool_limits(1, user_api="blas"):
            in_threads(rows, lambda first, last: top_dots(first, last, *arguments))
        return lists


def _with_last(factors: Float32, last: Float64 | None) -> Float32:
    """Factors with `last` as one more."""
    if last is None:
        return np.require(factors, np.float32, ["C", "W"])
    return np.concatenate([factors, last[:, np.newaxis]], axis=1, dtype=np.float32)


def _resized(values: npt.NDArray[Any], shape: tuple[int, ...], padding: float) -> npt.NDArray[Any]:
    """Rows in blocks, the last one filled with `padding`."""
    resized = np.full((shape[0] * shape[1], *shape[2:]), padding, values.dtype)
    resized[: len(values)] = values
    return resized.reshape(shape)


def _from_here_on(values: Float64) -> Float64:
    """The greatest value of each block and all later ones."""
    return np.ascontiguousarray(np.maximum.accumulate(values.max(axis=1)[::-1])[::-1])


def _lengths(factors: Float32) -> Float64:
    squares: Float64 = np.einsum("rf,rf->r", factors, factors, dtype=np.float64)
    return np.sqrt(squares)


def _ascending(matrix: Csr) -> Csr:
    """The same pattern with the columns of each row in order, which lists of neighbours are not in."""
    starts = np.zeros(matrix.indices.size + 1, np.bool_)
    starts[matrix.indptr] = True
    if (np.diff(matrix.indices) >= 0)[~starts[1:-1]].all():
        return matrix
    order = np.lexsort((matrix.indices, matrix.row_numbers()))
    return Csr.of(matrix.indptr, matrix.indices[order], matrix.data[order], matrix.columns)


def _check_finite(values: npt.NDArray[np.floating], name: str) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        rows = np.unique(np.nonzero(~finite)[0])
        raise ValueError(f"{rows.size} rows of the {name} hold NaN or infinity; the first is row {rows[0]}.")
