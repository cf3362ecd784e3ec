"""Why an item is in a list: a code and up to two items of the customer's own history, always literally true.

An item that was bought before is its own reason. One that was not cites what the item-item model says contributed
most, and only where the method of the list itself scores the item lower without it: what is cited must matter to what
is shown, and be something else than another pack of the item. The words for people belong to the readers of the codes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ml_assets.methods import CATEGORY, COLLABORATIVE, NEIGHBOURS, PERSONAL, POPULAR, TIERS
from ml_assets.models.kernels.csr import Bools, Int8, Int32
from ml_assets.models.matrices.sparse_scores import Lists, Product, explain
from ml_assets.models.ranking.candidates import Pool, places_of, places_of_pairs
from ml_assets.models.ranking.features import Description
from ml_assets.models.ranking.lists import ListBuilder
from ml_assets.models.ranking.method import Method
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.ranking.without import Without
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.catalogue import items_of
from ml_assets.models.recommenders.ease import Ease
from ml_assets.models.recommenders.purchases import encode
from ml_assets.models.recommenders.similarity import ItemSimilarity

REASONS = (
    "bought_often",
    "bought_recently",
    "bought_before",
    "looked_at",
    "because_you_bought",
    "customers_like_you",
    "popular_in_category",
    "popular",
)
_OFTEN, _RECENTLY, _BEFORE, _LOOKED_AT, _BECAUSE, _LIKE_YOU, _CATEGORY, _POPULAR = range(8)
_OF_TIER = {PERSONAL: _BEFORE, NEIGHBOURS: _LIKE_YOU, COLLABORATIVE: _LIKE_YOU, CATEGORY: _CATEGORY, POPULAR: _POPULAR}

OFTEN_ORDERS = 3
"""An item in at least so many orders of the look-back is bought often."""
RECENT_DAYS = 30
"""An item bought in the last so many days is bought recently."""


@dataclass(frozen=True)
class Reasons:
    """Reasons of a block of lists."""

    codes: Int8
    """Rows x K, positions in `REASONS`."""
    items: Int32
    """Rows x K x 2, item codes, the one that gave most first, -1 where there is none."""


class Explainer:
    """Finds reasons for the lists of one day."""

    def __init__(
        self,
        builder: ListBuilder,
        methods: Mapping[str, Recommender],
        catalogue: pl.DataFrame,
        sensitive: Sequence[str],
    ) -> None:
        self._snapshot = builder.snapshot
        purchases = self._snapshot.purchases
        hidden = items_of(catalogue, sensitive).implode()
        citable = self._snapshot.sellable.as_new & ~purchases.items.is_in(hidden).to_numpy()
        self._citable: Bools = citable
        model = next((methods[name] for name in ("ease", "item_knn") if name in methods), None)
        self._without = Without.of(methods, purchases)
        self._because: Product | None = None
        if isinstance(model, Ease | ItemSimilarity):
            self._because = model.product(purchases.only_bought(citable))
            self._model_codes = encode(model.items_, purchases.items).to_numpy()
            self._products = self._snapshot.near_duplicates.products
            # Items of the model that nobody bought of late have no code, and no customer to cite them for.
            self._model_products = np.append(self._products, np.int32(-1))[self._model_codes]

    def reasons(self, lists: Lists, pool: Pool, method: Method, description: Description) -> Reasons:
        """The reasons of the lists that a method made from a pool."""
        codes = np.array([_OF_TIER[tier] for tier in TIERS], np.int8)[lists.tiers]
        items = np.full((*lists.items.shape, 2), -1, np.int32)
        own = (lists.tiers == TIERS.index(PERSONAL)) & (lists.items >= 0)
        if own.any():
            codes[own] = self._own_reasons(lists.items, pool.block)[own]
            items[:, :, 0] = np.where(own & self._citable[lists.items], lists.items, -1)
        told = np.isin(lists.tiers, [TIERS.index(COLLABORATIVE), TIERS.index(NEIGHBOURS)]) & (lists.items >= 0)
        if self._because is not None and told.any():
            found = self._contributors(np.where(told, lists.items, np.int32(-1)), pool.block)
            found = self._confirmed(found, lists.items, pool, method, description)
            cited = found[:, :, 0] >= 0
            items[cited] = found[cited]
            codes[cited] = _BECAUSE
        return Reasons(codes, items)

    def _own_reasons(self, items: Int32, customers: Int32) -> Int8:
        """Reasons as if every item were from the customer's own history."""
        snapshot: Snapshot = self._snapshot
        bought = snapshot.bought.only(customers)
        rows = np.repeat(np.arange(customers.size, dtype=np.int32), items.shape[1])
        places = places_of(bought, rows, items.ravel()).reshape(items.shape)
        there = places >= 0
        inside = np.maximum(places, 0)
        orders = np.where(there, bought.data[inside], 0) if bought.data.size else np.zeros(items.shape)
        ages = snapshot.newest_bought[snapshot.bought.places(customers)]
        age = np.where(there, ages[inside], 0) if ages.size else np.zeros(items.shape)
        conditions: list[Bools] = [orders >= OFTEN_ORDERS, (orders > 0) & (age < RECENT_DAYS), orders > 0]
        return np.select(conditions, [_OFTEN, _RECENTLY, _BEFORE], _LOOKED_AT).astype(np.int8)

    def _contributors(self, wanted: Int32, customers: Int32) -> Int32:
        """The two bought items that gave most to each wanted item, -1 where none gave anything."""
        if self._because is None:
            return np.full((*wanted.shape, 2), -1, np.int32)
        left = self._because.left(customers)
        groups = {"left_groups": self._model_products, "groups": self._products}
        found = explain(left, self._because.right, wanted, **groups)
        codes = np.append(self._model_codes, np.int32(-1))
        return codes[found]

    def _confirmed(self, found: Int32, listed: Int32, pool: Pool, method: Method, description: Description) -> Int32:
        """Of the contributors those without which the method scores the listed item lower, the others -1 and last."""
        kept = np.full_like(found, -1)
        rows = np.broadcast_to(np.arange(listed.shape[0], dtype=np.int32)[:, np.newaxis], listed.shape)
        for which in range(found.shape[2]):
            asked = found[:, :, which] >= 0
            places = places_of_pairs(pool, rows[asked], listed[asked])
            order = np.argsort(places)
            before = method.score(pool.only(places[order]), description)
            without = self._without.pool(pool, places[order], found[:, :, which][asked][order])
            after = method.score(without, description)
            lower = np.empty(order.size, np.bool_)
            lower[order] = method.surely_lower(after, before)
            row, place = np.nonzero(asked)
            kept[row[lower], place[lower], which] = found[row[lower], place[lower], which]
        second = (kept[:, :, 0] < 0) & (kept[:, :, 1] >= 0)
        kept[second] = kept[second][:, ::-1]
        return kept
