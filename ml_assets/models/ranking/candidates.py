"""Candidates: the pairs of customers and items worth ranking, and what every source says of them.

A pool holds the best items of every source, exactly, so that the best items of any single source are in it, and
combinations rank the union. How pairs are described and ranked does not belong here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml_assets.methods import SOURCES
from ml_assets.models.kernels import pairs as pair_kernels
from ml_assets.models.kernels.candidates import Found, find_candidates
from ml_assets.models.kernels.csr import Bools, Csr, Float32, Int32, Int64
from ml_assets.models.matrices.scores import Scores
from ml_assets.models.matrices.sparse_scores import Lists, ProductBlock, in_threads, matrix
from ml_assets.models.ranking.snapshot import Snapshot

_AT_ONCE = 8
"""Products are padded to a multiple of it."""


@dataclass(frozen=True)
class Pool:
    """The candidate pairs of a block of customers, ordered by customer, then item."""

    block: Int32
    """Codes of the customers, ascending."""
    starts: Int64
    """First pair of each customer, and the number of pairs."""
    rows: Int32
    """Customer of each pair, as a position in `block`."""
    items: Int32
    """Item code of each pair."""
    entries: Int64
    """Place of the pair among the pairs of the purchases, -1 where the customer never met the item."""
    bought: Bools
    """Whether the customer bought the item before."""
    scores: dict[str, Float32]
    """By source, one score per pair."""
    relative: dict[str, Float32]
    """By source, the scores divided by the customer's largest among the candidates; zeros stay zeros."""
    may_repeat: bool = True
    """Whether lists of all kinds of items hold what the customer bought before."""

    @property
    def customers(self) -> Int32:
        """Customer code of each pair."""
        return self.block[self.rows]

    def only(self, places: Int64) -> "Pool":
        """The pairs at ascending places; relative scores stay relative to the whole pool."""
        counts = np.bincount(self.rows[places], minlength=self.block.size)
        return Pool(
            block=self.block,
            starts=np.append(0, np.cumsum(counts, dtype=np.int64)),
            rows=self.rows[places],
            items=self.items[places],
            entries=self.entries[places],
            bought=self.bought[places],
            scores={name: scores[places] for name, scores in self.scores.items()},
            relative={name: scores[places] for name, scores in self.relative.items()},
            may_repeat=self.may_repeat,
        )

    def rows_only(self, first: int, last: int) -> "Pool":
        """The pairs of the rows `first` to `last`, the latter excluded, shared and not copied."""
        part = slice(int(self.starts[first]), int(self.starts[last]))
        return Pool(
            block=self.block[first:last],
            starts=self.starts[first : last + 1] - self.starts[first],
            rows=self.rows[part] - np.int32(first),
            items=self.items[part],
            entries=self.entries[part],
            bought=self.bought[part],
            scores={name: scores[part] for name, scores in self.scores.items()},
            relative={name: scores[part] for name, scores in self.relative.items()},
            may_repeat=self.may_repeat,
        )

    def promising(self, allowed: Bools, most: int) -> Bools:
        """Of the allowed pairs the best `most` of each customer, by the mean of all sources; equal ones with them."""
        places = np.flatnonzero(allowed)
        part = self.only(places) if places.size < allowed.size else self
        if np.diff(part.starts).max(initial=0) <= most:
            return allowed
        told = np.zeros(part.items.size, np.float32)
        for scores in part.relative.values():
            told += scores
        kept = np.zeros(told.size, np.bool_)
        arguments = (part.starts, told, most, kept)
        in_threads(self.block.size, lambda start, end: pair_kernels.mark_best(start, end, *arguments))
        out = np.zeros(allowed.size, np.bool_)
        out[places[kept]] = True
        return out

    def best(self, scores: Float32, allowed: Bools, k: int) -> Lists:
        """The best `k` allowed pairs of each customer by any finite scores, ties by the lower item code."""
        lists = Lists.empty(self.block.size, k)
        arguments = (self.starts, self.items, scores, allowed, lists.items, lists.scores, lists.counts)
        in_threads(self.block.size, lambda start, end: pair_kernels.best_pairs(start, end, *arguments))
        return lists


def build_pool(
    snapshot: Snapshot,
    sources: Mapping[str, Scores],
    customers: Int32,
    *,
    depth: int,
    may_repeat: bool = True,
) -> Pool:
    """The union of each source's best `depth` items that are new to the customer, and of all, where it repeats.

    `customers` are codes, ascending.
    """
    sellable = snapshot.sellable
    bought = snapshot.bought.only(customers)
    blocks = {name: scores.block(customers) for name, scores in sources.items()}
    products = {name: block for name, block in blocks.items() if isinstance(block, ProductBlock)}
    offered = [np.empty((customers.size, 0), np.int32)]
    for name, block in blocks.items():
        if name not in products:
            offered.append(block.top(depth, eligible=sellable.as_new, excluded=bought).items)
            if SOURCES[name].repeats:
                offered.append(block.top(depth, eligible=sellable.items).items)
    found = _find(snapshot, products, np.concatenate(offered, axis=1), customers, depth=depth)
    starts, rows, items, told = found.starts, found.rows, found.items, found.scores
    asked = {name: block.pairs(starts, items) for name, block in blocks.items() if name not in products}
    told |= {name: (values, _relative(values, starts, rows)) for name, values in asked.items()}
    return Pool(
        block=customers,
        starts=starts,
        rows=rows,
        items=items,
        entries=found.entries,
        bought=found.bought,
        scores={name: told[name][0] for name in blocks},
        relative={name: told[name][1] for name in blocks},
        may_repeat=may_repeat,
    )


@dataclass(frozen=True)
class _Found:
    """The candidates of a block, and what products say of them."""

    starts: Int64
    rows: Int32
    items: Int32
    entries: Int64
    bought: Bools
    scores: dict[str, tuple[Float32, Float32]]
    """By product, plain and relative."""


def _find(
    snapshot: Snapshot, products: Mapping[str, ProductBlock], offered: Int32, customers: Int32, *, depth: int
) -> _Found:
    """One pass over the rows of all products; see the kernel."""
    rows, bought = customers.size, snapshot.bought.only(customers)
    pairs, columns = snapshot.purchases.pairs, snapshot.items
    # Kernels are compiled once for each number of products.
    spare = -len(products) % _AT_ONCE if products else _AT_ONCE
    nothing = matrix(Csr.empty(rows, columns))
    lefts = (*(matrix(block.left) for block in products.values()), *[nothing] * spare)
    rights = (*(matrix(block.right) for block in products.values()), *[nothing] * spare)
    asked = np.array([3 if SOURCES[name].repeats else 1 for name in products] + [0] * spare, np.int8)
    eligible = snapshot.sellable.as_new.astype(np.int8) | snapshot.sellable.items.astype(np.int8) << 1
    counts = np.zeros(rows, np.int32)
    arguments = (
        lefts, rights, asked, eligible, matrix(bought), matrix(pairs.only(customers)), offered, depth, counts,
    )  # fmt: skip
    parts: dict[int, Found] = {}

    def work(start: int, end: int) -> None:
        parts[start] = find_candidates(start, end, *arguments)

    in_threads(rows, work)
    items, entries, own, scores, relative = (
        np.concatenate(list(each), axis=-1) for each in zip(*(parts[start] for start in sorted(parts)), strict=True)
    )
    return _Found(
        starts=np.append(0, np.cumsum(counts, dtype=np.int64)),
        rows=np.repeat(np.arange(rows, dtype=np.int32), counts),
        items=items,
        entries=np.append(pairs.places(customers), -1)[entries],
        bought=own,
        scores={name: (scores[place], relative[place]) for place, name in enumerate(products)},
    )


def joined_pool(parts: Sequence[Pool]) -> Pool:
    """The pools of consecutive blocks of customers as one."""
    counts = np.concatenate([np.diff(part.starts) for part in parts])
    return Pool(
        block=np.concatenate([part.block for part in parts]),
        starts=np.append(0, np.cumsum(counts, dtype=np.int64)),
        rows=np.repeat(np.arange(counts.size, dtype=np.int32), counts),
        items=np.concatenate([part.items for part in parts]),
        entries=np.concatenate([part.entries for part in parts]),
        bought=np.concatenate([part.bought for part in parts]),
        scores={name: np.concatenate([part.scores[name] for part in parts]) for name in parts[0].scores},
        relative={name: np.concatenate([part.relative[name] for part in parts]) for name in parts[0].relative},
        may_repeat=parts[0].may_repeat,
    )


def _relative(scores: Float32, starts: Int64, rows: Int32) -> Float32:
    if not scores.size:
        return scores
    filled = np.flatnonzero(np.diff(starts) > 0)
    largest = np.ones(starts.size - 1, np.float32)
    largest[filled] = np.maximum.reduceat(scores, starts[filled])
    largest[largest <= 0] = 1.0
    return np.asarray(scores / largest[rows], dtype=np.float32)


def places_of(pairs: Csr, rows: Int32, items: Int32) -> Int64:
    """Where each pair lies among the entries of `pairs`, -1 where it is not there."""
    width = pairs.columns + 1
    keys = pairs.row_numbers().astype(np.int64) * width + pairs.indices
    if not keys.size:
        return np.full(rows.size, -1, np.int64)
    wanted = rows.astype(np.int64) * width + items
    places = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[places] == wanted, places, -1)


def places_of_pairs(pool: Pool, rows: Int32, items: Int32) -> Int64:
    """Where each pair lies in the pool, -1 where it is no candidate; `items` may hold -1."""
    width = int(pool.items.max(initial=0)) + 2
    keys = pool.rows.astype(np.int64) * width + pool.items
    if not keys.size:
        return np.full(rows.size, -1, np.int64)
    wanted = rows.astype(np.int64) * width + items
    places = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where((items >= 0) & (items < width - 1) & (keys[places] == wanted), places, -1)


def bought_before(pool: Pool, items: Int32) -> Bools:
    """Whether the customer of each row bought the listed items before; `items` is rows of the pool x K, -1 for none."""
    rows = np.repeat(np.arange(items.shape[0], dtype=np.int32), items.shape[1])
    places = places_of_pairs(pool, rows, items.ravel())
    found = np.zeros(places.size, np.bool_)
    found[places >= 0] = pool.bought[places[places >= 0]]
    return found.reshape(items.shape)
