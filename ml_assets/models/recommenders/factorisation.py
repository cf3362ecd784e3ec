"""Implicit matrix factorisation: customers and items as vectors of a few dozen tastes."""

from typing import Annotated, Self

import numpy as np
import polars as pl
from pydantic import Field
from scipy.sparse import csr_matrix

from ml_assets.models.artifacts import Arrays
from ml_assets.models.kernels.csr import Csr, Float32
from ml_assets.models.matrices.scores import FactorScores
from ml_assets.models.parameters import HalfLifeDays, MaxItems, MinItemBuyers, Seed
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.ease import best_sellers
from ml_assets.models.recommenders.ids import from_ids, to_ids
from ml_assets.models.recommenders.purchases import Purchases, encode


class Factorisation(Recommender):
    """PureSVD (Cremonesi, Koren and Turrin, RecSys 2010) on decayed counts.

    X = log(1 + decayed counts) ~ U S V', by scikit-learn's randomised SVD (Halko, Martinsson and Tropp, SIAM
    Review 2011); score(u) = X[u] V V'. A customer's factors X[u] V come from the history alone, so that new customers
    need no training.
    """

    items_: pl.Series
    """Ids of the items of the model, most purchases first."""
    factors_: Float32
    """V, items of the model x factors."""

    def __init__(
        self,
        factors: Annotated[int, Field(ge=1, description="Largest singular vectors that are kept.")] = 64,
        half_life_days: HalfLifeDays = 180.0,
        min_item_buyers: MinItemBuyers = 3,
        max_items: MaxItems = 50_000,
        seed: Seed = 20170101,
    ) -> None:
        self.factors = factors
        self.half_life_days = half_life_days
        self.min_item_buyers = min_item_buyers
        self.max_items = max_items
        self.seed = seed

    def fit(self, purchases: Purchases) -> Self:
        """Learn V from all customers; fewer factors where the shop has fewer items."""
        from sklearn.utils.extmath import randomized_svd  # noqa: PLC0415 slow to import, and scoring needs none of it

        self.items_ = purchases.items.gather(best_sellers(purchases, self.min_item_buyers, self.max_items))
        counts = self._counts(purchases)
        factors = min(self.factors, counts.columns - 1, counts.rows - 1)
        if factors < 1:
            self.factors_ = np.zeros((counts.columns, 1), np.float32)
            return self
        # Not TruncatedSVD, which divides by the variance as well: where all customers are alike there is none.
        vectors = randomized_svd(_scipy(counts), factors, n_iter=2, random_state=self.seed)[2]
        self.factors_ = np.ascontiguousarray(vectors.T, dtype=np.float32)
        return self

    def product(self, purchases: Purchases) -> FactorScores:
        """Histories folded into the factors; items outside the model have zeros."""
        customers = np.asarray(_scipy(self._counts(purchases)) @ self.factors_, dtype=np.float32)
        items = np.zeros((len(purchases.items), self.factors_.shape[1]), np.float32)
        codes = encode(self.items_, purchases.items).to_numpy()
        items[codes[codes >= 0]] = self.factors_[codes >= 0]
        return FactorScores(np.ascontiguousarray(customers), items)

    def history(self, purchases: Purchases) -> Csr:
        """X of all items, those outside the model too, whose factors are zeros: the pattern of the pairs."""
        counts = purchases.decayed(self.half_life_days)
        return counts.with_data(np.log1p(counts.data))

    def learned(self) -> Arrays:
        """Items and V."""
        return {"items": from_ids(self.items_), "factors": self.factors_}

    def restored(self, arrays: Arrays) -> Self:
        """With what `learned` returned."""
        self.items_, self.factors_ = to_ids(arrays["items"]), arrays["factors"]
        return self

    def _counts(self, purchases: Purchases) -> Csr:
        """X: customers x items of the model."""
        codes = encode(purchases.items, self.items_).to_numpy()
        return self.history(purchases).with_columns(codes, len(self.items_))


def _scipy(counts: Csr) -> csr_matrix:
    return csr_matrix((counts.data, counts.indices, counts.indptr), shape=(counts.rows, counts.columns))
