"""What describes a candidate pair for a learned ranker, as numbers known at the end of a day.

Source scores, the pair's own history, its category, its item and its customer; nothing here knows of labels. Every
feature is computed for all pairs at once. NaN says that something is not known, which trees handle by themselves.
"""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from ml_assets.models.kernels.csr import Float32
from ml_assets.models.ranking.candidates import Pool
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.recommenders.purchases import Purchases

Numbers = npt.NDArray[np.floating] | npt.NDArray[np.integer]
TASTE_HALF_LIFE = 90.0
"""Days; how fast a customer's interest in a category fades."""


class Description:
    """Features of pairs of one snapshot; what depends on the snapshot alone is computed once for all blocks."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._purchases = snapshot.purchases

    def matrix(self, pool: Pool) -> tuple[list[str], Float32]:
        """Names, and pairs x features."""
        columns: dict[str, Numbers] = {}
        for name, scores in pool.scores.items():
            columns[name] = scores
            columns[f"{name}_relative"] = pool.relative[name]
        for group in (self._of_pairs, self._of_categories):
            columns |= group(pool)
        columns |= {name: values[pool.items] for name, values in self._items.items()}
        columns |= {name: values[pool.customers] for name, values in self._customers.items()}
        out = np.empty((pool.items.size, len(columns)), np.float32)
        for place, values in enumerate(columns.values()):
            out[:, place] = values
        return list(columns), out

    @cached_property
    def bits(self) -> npt.NDArray[np.float64]:
        """By item, -log2(buyers / customers): how surprising it is that a customer bought it."""
        return -np.log2(np.maximum(self._purchases.buyers(), 1) / max(self._purchases.rows, 1))

    def _of_pairs(self, pool: Pool) -> dict[str, Numbers]:
        """What the customer did with the item before."""
        known = pool.entries >= 0
        places = np.maximum(pool.entries, 0)

        def gather(values: Numbers, otherwise: float = np.nan) -> Numbers:
            if not values.size:
                return np.full(known.size, otherwise)
            return np.where(known, values[places], otherwise)

        history = self._pairs
        age, gap = gather(history["age"]), gather(history["gap"])
        return {
            "times": gather(history["times"], 0.0),
            "age": age,
            "orders_since": gather(history["orders_since"]),
            "first_age": gather(history["first_age"]),
            "gap": gap,
            # 1 is when the next purchase would be usual.
            "due": age / np.maximum(gap, 1.0),
            "share_of_orders": gather(history["share_of_orders"], 0.0),
            "share_of_orders_since_first": gather(history["share_of_orders_since_first"], 0.0),
        }

    def _of_categories(self, pool: Pool) -> dict[str, Numbers]:
        """What the item's category is to the customer, and the item to its category."""
        purchases = self._purchases
        category = purchases.category[pool.items]
        has_one = category >= 0
        cell = pool.customers.astype(np.int64) * purchases.categories + np.maximum(category, 0)
        tastes = self._tastes
        share = np.where(has_one, _look_up(tastes["cell"], tastes["share"], cell, 0.0), 0.0)
        usual = np.append(tastes["usual"], 1.0)[category]
        popular = self._items["buyers_28d"]
        in_category = np.bincount(
            purchases.category[purchases.category >= 0],
            weights=popular[purchases.category >= 0],
            minlength=purchases.categories,
        )
        return {
            "category_share": share,
            "category_lift": share / np.maximum(usual, 1e-9),
            "category_age": np.where(has_one, _look_up(tastes["cell"], tastes["age"], cell, np.nan), np.nan),
            "item_share_of_category": popular[pool.items] / np.maximum(np.append(in_category, 1.0)[category], 1.0),
        }

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
    def _items(self) -> dict[str, Numbers]:
        """By item: how many buy it, how many for the first time, and whether they come back."""
        purchases = self._purchases
        times = purchases.pairs.data
        buyers = purchases.buyers()
        again = np.bincount(purchases.pairs.indices[times > 1], minlength=self._snapshot.items)
        lines = np.bincount(purchases.pairs.indices, weights=times, minlength=self._snapshot.items)
        ages = np.zeros(self._snapshot.items)
        np.maximum.at(ages, purchases.pairs.indices, self._pairs["first_age"])
        counts = {f"buyers_{days}d": purchases.buyers(days).astype(np.float64) for days in (7, 28, 90)}
        return {
            **counts,
            "buyers": buyers,
            **{f"newcomers_{days}d": purchases.newcomers(days) for days in (7, 28, 90)},
            "buyers_trend": counts["buyers_7d"] * 4 / np.maximum(counts["buyers_28d"], 1),
            "bought_again": again / np.maximum(buyers, 1),
            "times_per_buyer": lines / np.maximum(buyers, 1),
            "item_age": ages,
        }

    @cached_property
    def _customers(self) -> dict[str, Numbers]:
        """By customer: how much, how lately, how varied."""
        purchases = self._purchases
        customers = purchases.rows
        times = purchases.pairs.data
        owner = np.repeat(purchases.pairs.row_numbers(), times.astype(np.int64))
        lines = np.maximum(np.bincount(owner, minlength=customers), 1)
        ages = np.full(customers, np.iinfo(np.int32).max)
        np.minimum.at(ages, owner, purchases.age)
        return {
            "orders": purchases.orders,
            "days_since_order": ages,
            "items_per_order": lines / np.maximum(purchases.orders, 1),
            "variety": np.diff(purchases.pairs.indptr) / lines,
            "lines_30d": np.bincount(owner[purchases.age < 30], minlength=customers),
        }

    @cached_property
    def _tastes(self) -> dict[str, npt.NDArray[np.generic]]:
        """By customer and category, in ascending cells (customer x categories + category); `usual` by category."""
        purchases = self._purchases
        shares = purchases.category_shares(TASTE_HALF_LIFE)
        cells = shares.row_numbers().astype(np.int64) * purchases.categories + shares.indices
        category = purchases.category[purchases.pairs.indices]
        known = category >= 0
        owner = purchases.pairs.row_numbers()[known].astype(np.int64)
        ages = np.full(cells.size, np.inf)
        places = np.searchsorted(cells, owner * purchases.categories + category[known])
        np.minimum.at(ages, places, purchases.newest()[known])
        totals = np.bincount(shares.indices, weights=shares.data, minlength=purchases.categories)
        return {"cell": cells, "share": shares.data, "age": ages, "usual": totals / max(totals.sum(), 1e-12)}


def _per_pair(reduce: np.ufunc, purchases: Purchases, values: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    found: npt.NDArray[np.int32] = reduce.reduceat(values, purchases.pair_starts) if values.size else values
    return found


def _look_up(
    keys: npt.NDArray[np.generic], values: npt.NDArray[np.generic], wanted: npt.NDArray[np.int64], otherwise: float
) -> Numbers:
    """The value beside each wanted key, of ascending keys."""
    if not keys.size:
        return np.full(wanted.size, otherwise)
    places = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[places] == wanted, values[places], otherwise)
