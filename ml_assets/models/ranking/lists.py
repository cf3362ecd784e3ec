"""The lists of a block of customers: which candidates each placement shows, where they come from, and in which order.

The policies of placements belong here: repeats, near-duplicates, caps, and the tiers that fill a list up. Scores come
from the method; reasons and the published frames are made elsewhere.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from ml_assets.methods import CATEGORY, COLLABORATIVE, NEIGHBOURS, PERSONAL, POPULAR, SOURCES, TIERS
from ml_assets.models.kernels import pairs as pair_kernels
from ml_assets.models.kernels.csr import Bools, Float32, Int8, Int32
from ml_assets.models.matrices.scores import Scores
from ml_assets.models.matrices.sparse_scores import Lists, fill_up, in_threads
from ml_assets.models.placements import Repeats, shown_repeats
from ml_assets.models.ranking.candidates import Pool, places_of, places_of_pairs
from ml_assets.models.ranking.method import allowed_pairs
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.recommenders.popularity import CategoryPopularity
from ml_assets.models.recommenders.purchases import encode
from ml_assets.settings.recommender import PlacementSettings, RecommenderSettings

FAINT = 0.05
"""Share of a customer's largest score below which a method does not speak for an item."""


@dataclass(frozen=True)
class ListBuilder:
    """What filling and capping lists needs of a day, computed once for all blocks."""

    snapshot: Snapshot
    settings: RecommenderSettings
    popular: Int32
    """Items that may be recommended, most popular first."""
    in_categories: Scores
    """Popularity in the customer's categories."""
    brand: Int32
    """Brand code of each item, -1 where it has none."""

    @classmethod
    def of(cls, snapshot: Snapshot, catalogue: pl.DataFrame, settings: RecommenderSettings) -> "ListBuilder":
        """Prepare the lists of a day."""
        return cls(
            snapshot,
            settings,
            snapshot.popular(),
            CategoryPopularity(settings.popularity_days).product(snapshot.purchases),
            _brands(snapshot, catalogue),
        )

    def lists(self, pool: Pool, scores: Float32, placement: str) -> Lists:
        """The lists of a placement: best candidates first, capped, then filled up."""
        rules: PlacementSettings = getattr(self.settings.placements, placement)
        repeats = shown_repeats(placement, may_repeat=pool.may_repeat)
        allowed = allowed_pairs(pool, placement) & ~self._too_soon(pool, rules.min_repeat_days)
        lists = pool.best(scores, allowed, self.settings.stored)
        lists.tiers[:] = _tiers_of(pool, lists)
        self._forget_short_histories(lists, pool)
        if repeats != "only":
            self._fill(lists, pool, repeats)
        self.snapshot.near_duplicates.put_behind(lists, lists.tiers == TIERS.index(PERSONAL))
        for group, most in (
            (self.snapshot.purchases.category, rules.max_per_category),
            (self.brand, rules.max_per_brand),
        ):
            if most is not None:
                _cap(lists, group, self.settings.k, most)
        return lists

    def _fill(self, lists: Lists, pool: Pool, repeats: Repeats) -> None:
        """Popular items of the customer's categories, then of the shop, for lists that are not full."""
        if not (lists.counts < self.settings.stored).any():
            return
        excluded = self.snapshot.bought.only(pool.block) if repeats == "never" else None
        eligible = self.snapshot.sellable.as_new
        near = self.in_categories.block(pool.block)
        known = self.snapshot.purchases.orders[pool.block] >= self.settings.min_orders
        found = near.top(self.settings.stored, eligible=eligible, excluded=excluded)
        found.items[~known] = -1
        columns = eligible.size
        fill_up(lists, found.items, found.scores, tier=TIERS.index(CATEGORY), columns=columns, excluded=excluded)
        best = self.snapshot.popularity[self.popular]
        popular, tier = self.popular[np.newaxis], TIERS.index(POPULAR)
        fill_up(lists, popular, best[np.newaxis], tier=tier, columns=columns, excluded=excluded)

    def _too_soon(self, pool: Pool, days: int) -> Bools:
        """Pairs bought in the last `days` days."""
        if days == 0:
            return np.zeros(pool.items.size, np.bool_)
        places = places_of(self.snapshot.bought.only(pool.block), pool.rows, pool.items)
        ages = self.snapshot.newest_bought[self.snapshot.bought.places(pool.block)]
        return (places >= 0) & (ages[np.maximum(places, 0)] < days if ages.size else False)

    def _forget_short_histories(self, lists: Lists, pool: Pool) -> None:
        """Customers with fewer orders than the setting get popular items only."""
        short = self.snapshot.purchases.orders[pool.block] < self.settings.min_orders
        lists.items[short] = -1
        lists.counts[short] = 0


def _tiers_of(pool: Pool, lists: Lists) -> Int8:
    """Where each listed candidate comes from.

    The customer's own history, else the method that ranks it highest among what it knows of the customer, else its
    category, else popularity: what everybody buys is called popular only where nothing personal speaks for it.
    """
    strongest = np.full(pool.items.size, FAINT, np.float32)
    tiers = np.full(pool.items.size, TIERS.index(POPULAR), np.int8)
    for asked in ((CATEGORY,), (NEIGHBOURS, COLLABORATIVE)):
        strongest[:] = FAINT
        for name, relative in pool.relative.items():
            if SOURCES[name].tier in asked:
                higher = relative > strongest
                strongest[higher] = relative[higher]
                tiers[higher] = TIERS.index(SOURCES[name].tier)
    tiers[pool.bought] = TIERS.index(PERSONAL)
    rows = np.repeat(np.arange(lists.items.shape[0], dtype=np.int32), lists.items.shape[1])
    places = places_of_pairs(pool, rows, lists.items.ravel())
    found = np.zeros(places.size, np.int8)
    found[places >= 0] = tiers[places[places >= 0]]
    return found.reshape(lists.items.shape)


def _cap(lists: Lists, group: Int32, k: int, most: int) -> None:
    """Move items behind the first `k` whose group has `most` there already; groups of -1 have no cap."""
    arguments = (lists.items, lists.scores, lists.tiers, lists.counts, group, k, most)
    in_threads(lists.counts.size, lambda first, last: pair_kernels.cap_groups(first, last, *arguments))
    np.minimum.accumulate(lists.scores, axis=1, out=lists.scores)


def _brands(snapshot: Snapshot, catalogue: pl.DataFrame) -> Int32:
    items = snapshot.purchases.items
    if "brand" not in catalogue.columns:
        return np.full(len(items), -1, np.int32)
    found = pl.DataFrame({"item_id": items}).join(
        catalogue.select("item_id", "brand"), on="item_id", how="left", maintain_order="left"
    )["brand"]
    return encode(found, found.drop_nulls().unique().sort()).fill_null(-1).to_numpy(writable=True)
