"""EASE: item-item weights in closed form."""

from typing import Annotated, Self

import numpy as np
import polars as pl
from pydantic import Field
from scipy.linalg import lapack

from ml_assets.models.artifacts import Arrays
from ml_assets.models.kernels.csr import Csr, Float32, Int32
from ml_assets.models.matrices.sparse_scores import Product, gram
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
        """Learn B from all customers; time grows with the cube of the items, memory with their square."""
        chosen = best_sellers(purchases, self.min_item_buyers, self.max_items)
        self.items_ = purchases.items.gather(chosen)
        counts = self._counts(purchases)
        self.weights_ = _largest(_weights(gram(counts), self.regularisation), self.kept)
        return self

    def product(self, purchases: Purchases) -> Product:
        """Histories in the model's items x B in the codes of `purchases`."""
        counts = self._counts(purchases)
        codes = encode(self.items_, purchases.items).to_numpy()
        return Product(counts.block, self.weights_.with_columns(codes, len(purchases.items)))

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


def _weights(gram_matrix: Float32, regularisation: float) -> Float32:
    """B from X'X, whose memory it takes over."""
    size = gram_matrix.shape[0]
    if size == 0:
        return gram_matrix
    diagonal = np.arange(size)
    gram_matrix[diagonal, diagonal] += regularisation * gram_matrix[diagonal, diagonal].mean()
    # A symmetric matrix in rows is the same matrix in columns, which LAPACK works on without a copy.
    factor, failed = lapack.spotrf(gram_matrix.T, lower=1, overwrite_a=1)
    inverse, failed_too = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise np.linalg.LinAlgError("X'X + lambda I is not positive definite in single precision")
    # potri fills one triangle.
    whole = np.tril(inverse) + np.tril(inverse, -1).T
    weights = -whole / np.diagonal(whole)
    weights[diagonal, diagonal] = 0.0
    return np.ascontiguousarray(weights, dtype=np.float32)


def _largest(weights: Float32, kept: int) -> Csr:
    """The `kept` entries of each row that are furthest from 0."""
    size = weights.shape[0]
    kept = min(kept, max(size - 1, 0))
    if kept == 0:
        return Csr.empty(size, size)
    columns = np.empty((size, kept), np.int32)
    for first in range(0, size, 512):
        rows = np.abs(weights[first : first + 512])
        columns[first : first + 512] = np.sort(np.argpartition(rows, size - kept, axis=1)[:, size - kept :], axis=1)
    data = np.take_along_axis(weights, columns, axis=1)
    return Csr.of(np.arange(size + 1, dtype=np.int64) * kept, columns.ravel(), data.ravel(), size)
