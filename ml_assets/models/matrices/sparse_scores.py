"""Scores as products of sparse matrices, and the lists they give, computed in blocks of customers on all cores.

Every model here scores a customer as a combination of rows of some matrix (its own history, its neighbours'
histories, rows of item-item weights), so one exact top-K serves them all and no dense customers x items matrix
ever exists. The models decide what the matrices hold.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ml_assets.models.kernels import lists as list_kernels
from ml_assets.models.kernels import nearest
from ml_assets.models.kernels import pairs as pair_kernels
from ml_assets.models.kernels import rows as row_kernels
from ml_assets.models.kernels.csr import Bools, Csr, Float32, Int8, Int32, Int64, Matrix
from ml_assets.models.kernels.top_sums import top_sums

BLOCK = 8192
"""Customers scored together: bounds what neighbours and lists in the making occupy."""
_CHUNK = 128
"""Rows that one thread takes at a time."""


@dataclass(frozen=True)
class Product:
    """The scores of all customers: left (customers x r) x right (r x items); left is made per block."""

    left: Callable[[Int32], Csr]
    """The rows of some customers, by their codes."""
    right: Csr

    def block(self, customers: Int32) -> "ProductBlock":
        """The scores of some customers, by their codes."""
        return ProductBlock(self.left(customers), self.right)


@dataclass(frozen=True)
class ProductBlock:
    """The scores of a block of customers, see `BlockScores`."""

    left: Csr
    right: Csr

    def top(self, k: int, *, eligible: Bools, excluded: Csr | None = None) -> "Lists":
        """The exact best `k` positive scores."""
        return top_items(self.left, self.right, k, eligible=eligible, excluded=excluded)

    def pairs(self, starts: Int64, items: Int32) -> Float32:
        """The scores of the given pairs."""
        out = np.empty(items.size, np.float32)
        arguments = (matrix(self.left), matrix(self.right), self.right.columns, starts, items, out)
        in_threads(self.left.rows, lambda start, end: pair_kernels.score_pairs(start, end, *arguments))
        return out


@dataclass(frozen=True)
class Lists:
    """Ranked items of a block of customers: rows x K, best first, padded with -1."""

    items: Int32
    scores: Float32
    tiers: Int8
    """Where each item came from; the codes belong to the caller."""
    counts: Int32
    """Length of each list."""

    @classmethod
    def empty(cls, rows: int, k: int) -> "Lists":
        """Lists to be filled."""
        return cls(
            items=np.full((rows, k), -1, np.int32),
            scores=np.zeros((rows, k), np.float32),
            tiers=np.zeros((rows, k), np.int8),
            counts=np.zeros(rows, np.int32),
        )


def blocks(first: int, last: int, size: int = BLOCK) -> Iterator[tuple[int, int]]:
    """Bounds of consecutive blocks from `first` to `last`, the latter excluded."""
    for start in range(first, last, size):
        yield start, min(start + size, last)


def top_items(left: Csr, right: Csr, k: int, *, eligible: Bools, excluded: Csr | None = None) -> Lists:
    """The exact top-K of left x right for each row; see the kernel."""
    lists = Lists.empty(left.rows, k)
    if k == 0:
        return lists
    barred = matrix(excluded or Csr.empty(left.rows, 0))
    arguments = (matrix(left), matrix(right), barred, eligible, lists.items, lists.scores, lists.counts)
    in_threads(left.rows, lambda first, last: top_sums(first, last, *arguments))
    return lists


def nearest_columns(left: Csr, right: Csr, k: int, *, itself: Int32) -> Csr:
    """The `k` columns with the largest positive sums of left x right for each row, ascending; `itself`, a column for
    each row, -1 for none, is left out."""
    items, scores = np.full((left.rows, k), -1, np.int32), np.empty((left.rows, k), np.float32)
    counts = np.zeros(left.rows, np.int32)
    if k:
        arguments = (matrix(left), matrix(right), right.columns, itself, items, scores, counts)
        in_threads(left.rows, lambda first, last: nearest.nearest_columns(first, last, *arguments))
    listed = items >= 0
    return Csr.of(np.append(0, np.cumsum(counts, dtype=np.int64)), items[listed], scores[listed], right.columns)


def fill_up(
    lists: Lists, extra: Int32, extra_scores: Float32, *, tier: int, columns: int, excluded: Csr | None = None
) -> None:
    """Lengthen lists in place from another ranking (rows x any, or one row for all)."""
    rows = lists.counts.size
    if extra.shape[1] == 0:
        return
    arguments = (
        extra, extra_scores, tier, matrix(excluded or Csr.empty(rows, columns)), columns,
        lists.items, lists.scores, lists.tiers, lists.counts,
    )  # fmt: skip
    in_threads(rows, lambda first, last: list_kernels.fill_up(first, last, *arguments))


def explain(left: Csr, right: Csr, items: Int32, *, left_groups: Int32, groups: Int32) -> Int32:
    """For each listed item the two columns of `left` that gave most, rows x K x 2, -1 where there are none.

    None of the item's own group, nor both of one: groups of the columns of `left` and of `right`, -1 for none.
    """
    reasons = np.full((*items.shape, 2), -1, np.int32)
    arguments = (matrix(left), matrix(right), items, right.columns, left_groups, groups, reasons)
    in_threads(left.rows, lambda first, last: row_kernels.explain(first, last, *arguments))
    return reasons


def gram(counts: Csr) -> Float32:
    """X'X of customers x items, dense, items x items."""
    out = np.zeros((counts.columns, counts.columns), np.float32)
    arguments = (matrix(counts.transposed()), matrix(counts), out)
    in_threads(counts.columns, lambda first, last: row_kernels.dense_rows(first, last, *arguments))
    return out


def matrix(csr: Csr) -> Matrix:
    """What kernels take."""
    return csr.indptr, csr.indices, csr.data


def in_threads(rows: int, work: Callable[[int, int], None]) -> None:
    """Run a kernel that releases the interpreter lock over chunks of rows; results do not depend on the order."""
    workers = os.cpu_count() or 1
    size = max(_CHUNK, -(-rows // (4 * workers)))
    parts = list(blocks(0, rows, size))
    if len(parts) <= 1:
        work(0, rows)
        return
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, *part) for part in parts]:
            done.result()
