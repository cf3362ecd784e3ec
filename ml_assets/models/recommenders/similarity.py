"""Items that the same customers buy."""

from typing import Annotated, Self

import numpy as np
import polars as pl
from pydantic import Field

from ml_assets.models.artifacts import Arrays
from ml_assets.models.kernels.csr import Csr
from ml_assets.models.matrices.sparse_scores import Product, top_items
from ml_assets.models.parameters import HalfLifeDays, Kept, MaxItems, MinItemBuyers
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.ease import best_sellers
from ml_assets.models.recommenders.item_weights import restored_weights, stored_weights
from ml_assets.models.recommenders.purchases import Purchases, encode


class ItemSimilarity(Recommender):
    """Item-item cosine with shrinkage (after Sarwar, Karypis, Konstan and Riedl, WWW 2001).

    With x_i the log(1 + decayed count) of item i over customers, similarity(i, j) =
    x_i . x_j / sqrt((|x_i|^2 + shrinkage) (|x_j|^2 + shrinkage)): items with few buyers, which look alike by chance,
    come out less similar. score(u) = X[u] S.
    """

    items_: pl.Series
    """Ids of the items of the model, most purchases first."""
    similar_: Csr
    """S, items x items, the `kept` most similar of each row."""

    def __init__(
        self,
        half_life_days: HalfLifeDays = 180.0,
        shrinkage: Annotated[float, Field(ge=0, description="Added to the squared norm of each item.")] = 10.0,
        min_item_buyers: MinItemBuyers = 20,
        max_items: MaxItems = 20_000,
        kept: Kept = 60,
    ) -> None:
        self.half_life_days = half_life_days
        self.shrinkage = shrinkage
        self.min_item_buyers = min_item_buyers
        self.max_items = max_items
        self.kept = kept

    def fit(self, purchases: Purchases) -> Self:
        """Learn S from all customers."""
        self.items_ = purchases.items.gather(best_sellers(purchases, self.min_item_buyers, self.max_items))
        counts = self._counts(purchases)
        size = counts.columns
        squares = np.bincount(counts.indices, weights=counts.data.astype(np.float64) ** 2, minlength=size)
        scaled = counts.with_data(counts.data / np.sqrt(squares + self.shrinkage)[counts.indices])
        nearest = top_items(
            scaled.transposed(),
            scaled,
            min(self.kept, max(size, 1)),
            eligible=np.ones(size, np.bool_),
            excluded=Csr.identity(np.arange(size, dtype=np.int32), size),
        )
        listed = nearest.items >= 0
        indptr = np.append(0, np.cumsum(nearest.counts, dtype=np.int64))
        self.similar_ = Csr.of(indptr, nearest.items[listed], nearest.scores[listed], size)
        return self

    def product(self, purchases: Purchases) -> Product:
        """Histories in the model's items x S in the codes of `purchases`."""
        codes = encode(self.items_, purchases.items).to_numpy()
        return Product(self._counts(purchases).only, self.similar_.with_columns(codes, len(purchases.items)))

    def learned(self) -> Arrays:
        """Items and S."""
        return stored_weights(self.items_, self.similar_)

    def restored(self, arrays: Arrays) -> Self:
        """With what `learned` returned."""
        self.items_, self.similar_ = restored_weights(arrays)
        return self

    def _counts(self, purchases: Purchases) -> Csr:
        codes = encode(purchases.items, self.items_).to_numpy()
        counts = purchases.decayed(self.half_life_days).with_columns(codes, len(self.items_))
        return counts.with_data(np.log1p(counts.data))
