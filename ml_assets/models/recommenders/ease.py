"""EASE: item-item weights in closed form."""

from typing import Annotated, Self

import numpy as np
import polars as pl
from pydantic import Field

from ml_assets.models.artifacts import Arrays
from ml_assets.models.kernels.csr import Csr, Int32
from ml_assets.models.matrices.item_weights import closed_form_weights
from ml_assets.models.matrices.sparse_scores import Product
from ml_assets.models.parameters import HalfLifeDays, Kept, MaxItems, MinItemBuyers
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.item_weights import restored_weights, stored_weights
from ml_assets.models.recommenders.purchases import Purchases, encode


class Ease(Recommender):
    """Embarrassingly shallow autoencoder (Steck, WWW 2019) on decayed counts.

    With X = log(1 + decayed counts), G = X'X + lambda I and P = G^-1, the weights are B[j, i] = -P[j, i] / P[i, i]
    and 0 on the diagonal; score(u) = X[u] B. lambda = `regularisation` x the mean of the diagonal of X'X, so that it
    fits any size of shop. Of each row the `kept` weights furthest from 0 are kept.
    """

    items_: pl.Series
    """Ids of the items of the model, most purchases first."""
    weights_: Csr
    """B, items x items."""

    def __init__(
        self,
        half_life_days: HalfLifeDays = 90.0,
        regularisation: Annotated[float, Field(gt=0, description="Lambda over the mean of X'X's diagonal.")] = 6.0,
        min_item_buyers: MinItemBuyers = 20,
        max_items: MaxItems = 6000,
        kept: Kept = 300,
    ) -> None:
        self.half_life_days = half_life_days
        self.regularisation = regularisation
        self.min_item_buyers = min_item_buyers
        self.max_items = max_items
        self.kept = kept

    def fit(self, purchases: Purchases) -> Self:
        """Learn B from all customers; time grows with the cube of the items or customers, whichever are fewer."""
        chosen = best_sellers(purchases, self.min_item_buyers, self.max_items)
        self.items_ = purchases.items.gather(chosen)
        self.weights_ = closed_form_weights(self._counts(purchases), self.regularisation, self.kept)
        return self

    def product(self, purchases: Purchases) -> Product:
        """Histories in the model's items x B in the codes of `purchases`."""
        counts = self._counts(purchases)
        codes = encode(self.items_, purchases.items).to_numpy()
        return Product(counts.only, self.weights_.with_columns(codes, len(purchases.items)))

    def learned(self) -> Arrays:
        """Items and B."""
        return stored_weights(self.items_, self.weights_)

    def restored(self, arrays: Arrays) -> Self:
        """With what `learned` returned."""
        self.items_, self.weights_ = restored_weights(arrays)
        return self

    def _counts(self, purchases: Purchases) -> Csr:
        """X: customers x items of the model."""
        codes = encode(purchases.items, self.items_).to_numpy()
        counts = purchases.decayed(self.half_life_days).with_columns(codes, len(self.items_))
        return counts.with_data(np.log1p(counts.data))


def best_sellers(purchases: Purchases, min_buyers: int, limit: int) -> Int32:
    """Codes of at most `limit` items with enough buyers, most buyers first where some must go, ascending.

    Enough is `min_buyers`; in small shops a tenth of the customers, and never fewer than two.
    """
    buyers = purchases.buyers()
    enough = min(min_buyers, max(2, purchases.rows // 10))
    ranked = np.argsort(-buyers, kind="stable")[:limit]
    return np.sort(ranked[buyers[ranked] >= enough]).astype(np.int32)
