"""The popular items: the fallback for customers without history and the yardstick of every other method."""

import numpy as np

from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.products import Product
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.sparse import Csr, Float32


class Popularity(Recommender):
    """Items by the number of customers who bought them in the last `days` days.

    Equal numbers rank by buyers over the whole look-back, so that every item has its place even where nothing was
    sold lately: score = buyers in the window + buyers ever / (1 + customers).
    """

    def __init__(self, days: int = 28) -> None:
        self.days = days

    def scores(self, purchases: Purchases) -> Float32:
        """One score per item."""
        ever = purchases.buyers() / (1.0 + len(purchases.customers))
        return (purchases.buyers(self.days) + ever).astype(np.float32)

    def product(self, purchases: Purchases) -> Product:
        """The same row for everybody."""
        scores = self.scores(purchases)
        row = Csr.of(np.array([0, scores.size]), np.arange(scores.size, dtype=np.int32), scores, scores.size)
        return Product(lambda first, last: _ones(last - first), row)


def _ones(rows: int) -> Csr:
    return Csr.of(np.arange(rows + 1), np.zeros(rows, np.int32), np.ones(rows), 1)
