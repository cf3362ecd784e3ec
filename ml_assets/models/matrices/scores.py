"""What scoring customers comes to: the best items of a customer, and the scores of given items.

Four forms cover every method: a product of sparse matrices (`sparse_scores.py`), one ranking for everybody, rankings of
groups of items, and dense factors. The methods decide what the numbers are; nothing here knows which placement asks.
"""

from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np

from ml_assets.models.kernels import groups as group_kernels
from ml_assets.models.kernels import pairs as pair_kernels
from ml_assets.models.kernels.csr import Bools, Csr, Float32, Int32, Int64
from ml_assets.models.matrices.dense_scores import PackedItems
from ml_assets.models.matrices.sparse_scores import Lists, fill_up, in_threads, matrix


class BlockScores(Protocol):
    """The scores of a block of customers."""

    def top(self, k: int, *, eligible: Bools, excluded: Csr | None = None) -> Lists:
        """The exact best `k` items of each customer.

        Only eligible items outside the customer's row of `excluded` (a row per customer of the block) count, and only
        with positive scores; equal scores rank by the lower code.
        """

    def pairs(self, starts: Int64, items: Int32) -> Float32:
        """The scores of items[starts[r]:starts[r + 1]] for the r-th customer of the block, in the order of `items`."""


class Scores(Protocol):
    """The scores of all customers and items of some purchases, in their codes; higher is better, 0 says nothing."""

    def block(self, customers: Int32) -> BlockScores:
        """The scores of some customers, by their codes, in that order."""


@dataclass(frozen=True)
class SharedScores:
    """The same positive scores for everybody."""

    scores: Float32
    """One score per item."""
    rows: int = 0
    """Customers of a block."""

    def block(self, customers: Int32) -> "SharedScores":
        """The same for other customers."""
        return SharedScores(self.scores, customers.size)

    def top(self, k: int, *, eligible: Bools, excluded: Csr | None = None) -> Lists:
        """The ranking without what is excluded; cost grows with the length of the lists, not with the catalogue."""
        ranked = np.argsort(-self.scores, kind="stable").astype(np.int32)
        ranked = ranked[eligible[ranked] & (self.scores[ranked] > 0)]
        lists = Lists.empty(self.rows, k)
        if ranked.size:
            best = self.scores[ranked]
            fill_up(lists, ranked[np.newaxis], best[np.newaxis], tier=0, columns=eligible.size, excluded=excluded)
            lists.scores[:] = np.where(lists.items >= 0, self.scores[lists.items], 0)
        return lists

    def pairs(self, starts: Int64, items: Int32) -> Float32:  # noqa: ARG002 the same for all customers
        """The score of each item."""
        return self.scores[items]


@dataclass(frozen=True)
class GroupScores:
    """Scores of items, each in one group, times the customer's share of the group."""

    shares: Csr
    """Customers x groups."""
    group: Int32
    """The group of each item, -1 for none."""
    scores: Float32
    """One score per item."""
    ranked: Csr
    """Groups x items, the items of a group best first."""

    @classmethod
    def of(cls, shares: Csr, group: Int32, scores: Float32) -> Self:
        """Rank the items of each group, equal ones by the lower item."""
        known = np.flatnonzero(group >= 0).astype(np.int32)
        ranked = known[np.lexsort((known, -scores[known], group[known]))]
        indptr = np.searchsorted(group[ranked], np.arange(shares.columns + 1))
        return cls(shares, group, scores, Csr.of(indptr, ranked, scores[ranked], group.size))

    def block(self, customers: Int32) -> "GroupScores":
        """The rows of a block."""
        return GroupScores(self.shares.only(customers), self.group, self.scores, self.ranked)

    def top(self, k: int, *, eligible: Bools, excluded: Csr | None = None) -> Lists:
        """Merged from the rankings of the customer's groups; cost grows with the length of the lists."""
        lists = Lists.empty(self.shares.rows, k)
        barred = matrix(excluded or Csr.empty(self.shares.rows, 0))
        arguments = (
            matrix(self.shares), matrix(self.ranked), eligible, barred, lists.items, lists.scores, lists.counts,
        )  # fmt: skip
        in_threads(self.shares.rows, lambda first, last: group_kernels.top_of_groups(first, last, *arguments))
        return lists

    def pairs(self, starts: Int64, items: Int32) -> Float32:
        """Share x score."""
        out = np.empty(items.size, np.float32)
        arguments = (matrix(self.shares), self.group, self.scores, self.shares.columns, starts, items, out)
        in_threads(self.shares.rows, lambda first, last: group_kernels.score_groups(first, last, *arguments))
        return out


@dataclass(frozen=True)
class FactorScores:
    """Dot products of dense factors: customers x factors with items x factors."""

    customers: Float32
    items: Float32
    _packed: dict[bytes, PackedItems] = field(default_factory=dict, compare=False, repr=False)
    """Eligible items as the kernel wants them, made once for all blocks."""

    def block(self, customers: Int32) -> "FactorScores":
        """The rows of a block."""
        return FactorScores(self.customers[customers], self.items, self._packed)

    def top(self, k: int, *, eligible: Bools, excluded: Csr | None = None) -> Lists:
        """The largest positive dot products."""
        key = np.packbits(eligible).tobytes()
        if key not in self._packed:
            self._packed[key] = PackedItems.of(self.items, eligible=eligible)
        lists = self._packed[key].top(self.customers, k, excluded=excluded)
        found = (lists.items >= 0) & (lists.scores > 0)
        lists.items[~found], lists.scores[~found] = -1, 0
        lists.counts[:] = found.sum(axis=1)
        return lists

    def pairs(self, starts: Int64, items: Int32) -> Float32:
        """Dot products of the given pairs, never below 0."""
        out = np.empty(items.size, np.float32)
        rows = self.customers
        in_threads(
            rows.shape[0],
            lambda start, end: pair_kernels.score_factors(start, end, rows, self.items, starts, items, out),
        )
        return np.maximum(out, np.float32(0))
