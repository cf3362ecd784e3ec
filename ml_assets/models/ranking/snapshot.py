"""A shop as of a day, as every method and every judgement sees it: histories, and what may be recommended.

Only what follows from interactions and the catalogue belongs here; scores do not.
"""

from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import polars as pl

from ml_assets.models.kernels.csr import Bools, Csr, Float32, Int32
from ml_assets.models.ranking.near_duplicates import NearDuplicates
from ml_assets.models.recommenders.catalogue import Sellable, sellable_items
from ml_assets.models.recommenders.popularity import Popularity
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.settings.recommender import RecommenderSettings


@dataclass(frozen=True)
class Snapshot:
    """Histories and catalogue as of a day."""

    purchases: Purchases
    sellable: Sellable
    bought: Csr
    """Pairs that count as bought, customers x items, with the number of such purchases."""
    newest_bought: Int32
    """Age in days of the newest of each of them."""
    popularity: Float32
    """One score per item: the yardstick that breaks ties and fills lists."""
    near_duplicates: NearDuplicates
    """Items that a shopper takes for the same."""

    @classmethod
    def of(
        cls,
        interactions: pl.DataFrame,
        catalogue: pl.DataFrame,
        as_of: date,
        settings: RecommenderSettings,
        *,
        past: bool = False,
    ) -> Self:
        """The shop as of a day; later rows are ignored.

        `past` leaves out what the catalogue says of today (whether an item is still available): a day of the past is
        judged by what was known then.
        """
        purchases = Purchases.of(interactions, as_of, catalogue)
        counts, newest = purchases.bought(), purchases.newest_bought()
        real = counts.data > 0
        return cls(
            purchases=purchases,
            sellable=sellable_items(purchases, catalogue, settings, use_flags=not past),
            bought=counts.where(real),
            newest_bought=newest[real],
            popularity=Popularity(settings.popularity_days).scores(purchases),
            near_duplicates=NearDuplicates.of(purchases.items, catalogue, settings.near_duplicates),
        )

    @property
    def customers(self) -> int:
        """Number of customers with purchases, for whom lists are made; guests come after them."""
        return len(self.purchases.customers)

    @property
    def items(self) -> int:
        """Number of items with purchases."""
        return len(self.purchases.items)

    def best_sellers(self) -> Int32:
        """Codes of the items that may be recommended to everybody, most popular first, equal ones by code."""
        ranked = np.argsort(-self.popularity, kind="stable").astype(np.int32)
        return ranked[self.sellable.as_new[ranked]]

    def popular(self) -> Int32:
        """The best sellers as they are listed: near-duplicates of better ones behind all others."""
        return self.near_duplicates.ordered(self.best_sellers())

    def has_left(self, after_days: int | None) -> Bools:
        """One flag per customer: without an order for so many days; nobody where None."""
        left = np.zeros(self.customers, np.bool_)
        if after_days is not None and self.customers:
            youngest = np.minimum.reduceat(self.purchases.newest(), self.purchases.pairs.indptr[:-1])
            left = youngest[: self.customers] >= after_days
        return left
