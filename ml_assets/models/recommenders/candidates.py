"""The candidate lists of each placement, as codes: which model fills which part of which list.

The policy of the placements belongs here; the models, the reasons and the published frames do not.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Self, cast

import numpy as np
import polars as pl

from ml_assets.models.recommenders.blend import PersonalBlend
from ml_assets.models.recommenders.catalogue import eligible_items
from ml_assets.models.recommenders.ease import Ease
from ml_assets.models.recommenders.model import RecommenderModel
from ml_assets.models.recommenders.popularity import Popularity
from ml_assets.models.recommenders.products import Lists, Product, fill_up, top_items
from ml_assets.models.recommenders.purchases import Purchases, encode
from ml_assets.models.recommenders.sparse import Bools, Csr, Float32, Int32
from ml_assets.models.recommenders.user_knn import UserKnn
from ml_assets.settings.recommender import RecommenderSettings

SOURCES = ("personal", "neighbours", "collaborative", "popular")
PERSONAL, NEIGHBOURS, COLLABORATIVE, POPULAR = range(4)

NEIGHBOUR_SHARE = 0.5
"""Weight of user-kNN beside EASE in `discover`, both divided by their largest candidate."""

TREND_WEIGHT = 0.5
"""Weight in `discover` of how many customers bought an item lately for the first time, divided by the largest."""


@dataclass(frozen=True)
class Candidates:
    """Everything that lists need, as of one day; lists are made for blocks of customers."""

    purchases: Purchases
    settings: RecommenderSettings
    eligible: Bools
    bought: Csr
    """Pairs that count as bought, customers x items."""
    order_counts: Float32
    """Purchases of each pair that count as bought."""
    newest_bought: Int32
    """Age in days of the newest of them."""
    personal: Product
    collaborative: Product
    neighbours: Product
    trend: Float32
    """What an item's new customers add to its scores in `discover`."""
    because: Product
    """The collaborative product, from what was bought and may be shown, so that reasons never name an excluded
    category; its left columns are items of the model."""
    model_codes: Int32
    """The item code of each item of the model, -1 where nobody bought it in the look-back."""
    popular: Int32
    """Codes of all eligible items, most popular first."""
    popular_scores: Float32

    @classmethod
    def of(
        cls,
        model: RecommenderModel,
        interactions: pl.DataFrame,
        items: pl.DataFrame,
        as_of: date,
        settings: RecommenderSettings,
    ) -> Self:
        """Prepare the lists of a day."""
        purchases = Purchases.of(interactions, as_of)
        eligible = eligible_items(purchases, items, settings.exclude_categories)
        bought = purchases.bought()
        popularity = Popularity(settings.popularity_days).scores(purchases)
        popular = popular_first(popularity, eligible)
        ease = trained_ease(model)
        return cls(
            purchases=purchases,
            settings=settings,
            eligible=eligible,
            bought=bought.where(bought.data > 0),
            order_counts=bought.data,
            newest_bought=purchases.newest_bought(),
            personal=PersonalBlend(settings.half_life_days, settings.neighbours).product(purchases),
            collaborative=ease.product(purchases),
            neighbours=UserKnn().product(purchases),
            trend=_trend(purchases, eligible, settings.popularity_days),
            because=ease.product(purchases.only_bought(eligible)),
            model_codes=encode(ease.items_, purchases.items).to_numpy(),
            popular=popular,
            popular_scores=popularity[popular],
        )

    def discover(self, first: int, last: int) -> tuple[Lists, Int32]:
        """Items new to the customer by EASE, user-kNN and trend, and the same without the popular rest (-1 there)."""
        near = self.neighbours
        excluded = self.bought.block(first, last)
        lists = top_items(
            self.collaborative.left(first, last),
            self.collaborative.right,
            self.settings.stored,
            eligible=self.eligible,
            excluded=excluded,
            second=(near.left(first, last), near.right, NEIGHBOUR_SHARE),
            relative=True,
            bonus=self.trend,
        )
        lists.tiers[:] = np.where(lists.shares >= NEIGHBOUR_SHARE, COLLABORATIVE, NEIGHBOURS)
        self._clear_short_histories(lists, first, last)
        found = lists.items.copy()
        self._add_popular(lists, excluded)
        return lists, found

    def for_you(self, first: int, last: int, new: Lists, found: Int32) -> Lists:
        """Repeats and neighbours' items, then what `discover` found for the same customers, then popularity."""
        lists = top_items(
            self.personal.left(first, last), self.personal.right, self.settings.stored, eligible=self.eligible
        )
        lists.tiers[:] = np.where(
            _in_pattern(self.purchases.pairs.block(first, last), lists.items), PERSONAL, NEIGHBOURS
        )
        self._clear_short_histories(lists, first, last)
        fill_up(lists, found, new.scores, tier=COLLABORATIVE, columns=self.eligible.size)
        self._add_popular(lists, None)
        return lists

    def _add_popular(self, lists: Lists, excluded: Csr | None) -> None:
        fill_up(
            lists,
            self.popular[np.newaxis],
            self.popular_scores[np.newaxis],
            tier=POPULAR,
            columns=self.eligible.size,
            excluded=excluded,
        )

    def _clear_short_histories(self, lists: Lists, first: int, last: int) -> None:
        """Customers with fewer orders than the setting get popular items only."""
        short = self.purchases.orders[first:last] < self.settings.min_orders
        lists.items[short] = -1
        lists.counts[short] = 0


def _trend(purchases: Purchases, eligible: Bools, days: int) -> Float32:
    newcomers = np.where(eligible, purchases.newcomers(days), 0)
    return np.asarray(TREND_WEIGHT * newcomers / max(newcomers.max(initial=0), 1), dtype=np.float32)


def popular_first(scores: Float32, eligible: Bools) -> Int32:
    """Codes of the eligible items by descending score, equal ones by code."""
    ranked = np.argsort(-scores, kind="stable").astype(np.int32)
    return ranked[eligible[ranked]]


def trained_ease(model: RecommenderModel) -> Ease:
    """The collaborative method with what the model learned."""
    ease = Ease(**cast("dict[str, Any]", model.card.parameters["ease"]))
    ease.items_, ease.weights_ = model.collaborative.items, model.collaborative.weights
    return ease


def find_pairs(pairs: Csr, items: Int32) -> tuple[Int32, Bools]:
    """Where each listed item (rows x K) lies among the entries of `pairs`, and whether it is there at all."""
    width = pairs.columns + 1
    keys = pairs.row_numbers().astype(np.int64) * width + pairs.indices
    wanted = np.arange(items.shape[0], dtype=np.int64)[:, np.newaxis] * width + items
    places = np.minimum(np.searchsorted(keys, wanted), max(keys.size - 1, 0)).astype(np.int32)
    there = (items >= 0) & (keys[places] == wanted if keys.size else False)
    return places, there


def _in_pattern(pairs: Csr, items: Int32) -> Bools:
    return find_pairs(pairs, items)[1]
