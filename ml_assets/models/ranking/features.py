"""What describes a candidate pair for a learned ranker, as numbers known at the end of a day.

Source scores, the pair's own history, its category, its item and its customer; nothing here knows of labels. Every
feature is computed for all pairs at once. NaN says that something is not known, which trees handle by themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from ml_assets.models.kernels import features as kernels
from ml_assets.models.kernels.csr import Csr, Float32, Int32, Int64
from ml_assets.models.matrices.sparse_scores import in_threads, matrix
from ml_assets.models.ranking.candidates import Pool
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.recommenders.purchases import Purchases

Numbers = npt.NDArray[np.floating] | npt.NDArray[np.integer]
TASTE_HALF_LIFE = 90.0
"""Days; how fast a customer's interest in a category fades."""
OF_CATEGORIES = ("category_share", "category_lift", "category_age")
"""What the category of an item is to the customer."""


class Description:
    """Features of pairs of one snapshot; what depends on the snapshot alone is computed once for all blocks."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._purchases = snapshot.purchases

    def matrix(self, pool: Pool, sources: Sequence[str]) -> tuple[list[str], Float32]:
        """Names, and features x pairs; of the sources of the pool, these speak."""
        told = [numbers for name in sources for numbers in (pool.scores[name], pool.relative[name])]
        names = [name for source in sources for name in (source, f"{source}_relative")]
        groups = [
            (self._history, pool.entries),
            (self._items, pool.items.astype(np.int64)),
            (self._customers, pool.customers.astype(np.int64)),
        ]
        width = len(names) + len(OF_CATEGORIES) + sum(len(table.names) for table, _ in groups)
        out = np.empty((width, pool.items.size), np.float32)
        for row, values in enumerate(told):
            out[row] = values
        for table, places in groups:
            table.gather(places, out[len(names) : len(names) + len(table.names)])
            names += table.names
        self._describe_categories(pool, out[len(names) :])
        return [*names, *OF_CATEGORIES], out

    @cached_property
    def bits(self) -> npt.NDArray[np.float64]:
        """By item, -log2(buyers / customers): how surprising it is that a customer bought it."""
        return -np.log2(np.maximum(self._purchases.buyers(), 1) / max(self._purchases.rows, 1))

    def _describe_categories(self, pool: Pool, out: Float32) -> None:
        """What the item's category is to the customer, in the order of `OF_CATEGORIES`."""
        shares, ages, usual = self._tastes
        arguments = (
            pool.starts, pool.items, self._purchases.category, matrix(shares.only(pool.block)),
            ages[shares.places(pool.block)], usual, out,
        )  # fmt: skip
        in_threads(pool.block.size, lambda first, last: kernels.describe_categories(first, last, *arguments))

    @cached_property
    def _history(self) -> "_Table":
        """By pair of the purchases: what the customer did with the item before."""
        pairs = self._pairs
        # 1 is when the next purchase would be usual.
        due = pairs["age"] / np.maximum(pairs["gap"], 1.0)
        never = {"times": 0.0, "share_of_orders": 0.0, "share_of_orders_since_first": 0.0}
        return _Table.of(pairs | {"due": due}, never)

    @cached_property
    def _pairs(self) -> dict[str, Numbers]:
        """By pair of the purchases."""
        purchases = self._purchases
        times, age = purchases.pairs.data, purchases.newest()
        first_age = _per_pair(np.maximum, purchases, purchases.age)
        first_order = _per_pair(np.maximum, purchases, purchases.orders_ago)
        orders = purchases.orders[purchases.pairs.row_numbers()]
        return {
            "times": times,
            "age": age,
            "orders_since": purchases.orders_ago[purchases.pair_starts],
            "first_age": first_age,
            "gap": np.where(times > 1, (first_age - age) / np.maximum(times - 1, 1), np.nan),
            "share_of_orders": times / np.maximum(orders, 1),
            "share_of_orders_since_first": times / (first_order + 1.0),
        }

    @cached_property
    def _items(self) -> "_Table":
        """By item: how many buy it, how many for the first time, and whether they come back."""
        purchases = self._purchases
        times = purchases.pairs.data
        buyers = purchases.buyers()
        again = np.bincount(purchases.pairs.indices[times > 1], minlength=self._snapshot.items)
        lines = np.bincount(purchases.pairs.indices, weights=times, minlength=self._snapshot.items)
        ages = np.zeros(self._snapshot.items)
        np.maximum.at(ages, purchases.pairs.indices, self._pairs["first_age"])
        counts = {f"buyers_{days}d": purchases.buyers(days).astype(np.float64) for days in (7, 28, 90)}
        category = purchases.category
        popular = counts["buyers_28d"]
        in_category = np.bincount(category[category >= 0], popular[category >= 0], purchases.categories)
        found = {
            **counts,
            "buyers": buyers,
            **{f"newcomers_{days}d": purchases.newcomers(days) for days in (7, 28, 90)},
            "buyers_trend": counts["buyers_7d"] * 4 / np.maximum(counts["buyers_28d"], 1),
            "bought_again": again / np.maximum(buyers, 1),
            "times_per_buyer": lines / np.maximum(buyers, 1),
            "item_age": ages,
            "item_share_of_category": popular / np.maximum(np.append(in_category, 1.0)[category], 1.0),
        }
        return _Table.of(found)

    @cached_property
    def _customers(self) -> "_Table":
        """By customer: how much, how lately, how varied."""
        purchases = self._purchases
        customers = purchases.rows
        times = purchases.pairs.data
        owner = np.repeat(purchases.pairs.row_numbers(), times.astype(np.int64))
        lines = np.maximum(np.bincount(owner, minlength=customers), 1)
        ages = np.full(customers, np.iinfo(np.int32).max)
        np.minimum.at(ages, owner, purchases.age)
        found: dict[str, Numbers] = {
            "orders": purchases.orders,
            "days_since_order": ages,
            "items_per_order": lines / np.maximum(purchases.orders, 1),
            "variety": np.diff(purchases.pairs.indptr) / lines,
            "lines_30d": np.bincount(owner[purchases.age < 30], minlength=customers),
        }
        return _Table.of(found)

    @cached_property
    def _tastes(self) -> tuple[Csr, Float32, npt.NDArray[np.float64]]:
        """Customers x categories, the shares of their purchases; days since each of them; and the usual shares."""
        purchases = self._purchases
        shares = purchases.category_shares(TASTE_HALF_LIFE)
        cells = shares.row_numbers().astype(np.int64) * purchases.categories + shares.indices
        category = purchases.category[purchases.pairs.indices]
        known = category >= 0
        owner = purchases.pairs.row_numbers()[known].astype(np.int64)
        ages = np.full(cells.size, np.inf, np.float32)
        places = np.searchsorted(cells, owner * purchases.categories + category[known])
        np.minimum.at(ages, places, purchases.newest()[known].astype(np.float32))
        totals = np.bincount(shares.indices, weights=shares.data, minlength=purchases.categories)
        return shares, ages, totals / max(totals.sum(), 1e-12)


@dataclass(frozen=True)
class _Table:
    """Features of one kind of thing: a row for each, so that what a pair asks for lies together."""

    names: list[str]
    rows: Float32
    otherwise: Float32
    """Of what is not in the table."""

    @classmethod
    def of(cls, columns: Mapping[str, Numbers], otherwise: Mapping[str, float] | None = None) -> Self:
        """From columns; what is not there is NaN, unless `otherwise` says what it is."""
        known = otherwise or {}
        return cls(
            [*columns],
            np.ascontiguousarray(np.stack([column.astype(np.float32) for column in columns.values()], axis=1)),
            np.array([known.get(name, np.nan) for name in columns], np.float32),
        )

    def gather(self, places: Int64, out: Float32) -> None:
        """The rows at some places, -1 for none, as columns of `out`."""
        arguments = (self.rows, places, self.otherwise, out)
        in_threads(places.size, lambda first, last: kernels.gather(first, last, *arguments))


def _per_pair(reduce: np.ufunc, purchases: Purchases, values: Int32) -> Int32:
    found: Int32 = reduce.reduceat(values, purchases.pair_starts) if values.size else values
    return found
