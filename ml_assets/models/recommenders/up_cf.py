"""UP-CF@r: what a customer and similar customers had in their recent orders."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ml_assets.models.kernels.csr import Csr, Int32
from ml_assets.models.matrices.sparse_scores import Product
from ml_assets.models.parameters import Neighbours, Share
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.neighbours import nearest_others, with_itself
from ml_assets.models.recommenders.purchases import Purchases


class UpCf(Recommender):
    """User popularity-based collaborative filtering with recency (Faggioli, Polato and Aiolli, UMAP 2020).

    With I(u) the items of customer u, the asymmetric cosine is w(u, v) = |I(u) n I(v)| / (|I(u)|^alpha
    |I(v)|^(1 - alpha)), and pi(v, i) = orders of v with i among the last r / min(r, orders of v);
    score(u, i) = sum over the customers v, u included, of w(u, v)^q pi(v, i). The sum runs over the nearest
    `neighbours` customers: w^q leaves nothing of the others.
    """

    def __init__(
        self,
        recent: Annotated[int, Field(ge=1, description="Newest orders of a customer that count: r.")] = 25,
        locality: Annotated[int, Field(ge=1, description="Power q that favours the nearest customers.")] = 10,
        alpha: Annotated[Share, Field(description="Whose items divide the overlap: 1 the asking customer's.")] = 0.25,
        neighbours: Neighbours = 300,
    ) -> None:
        self.recent = recent
        self.locality = locality
        self.alpha = alpha
        self.neighbours = neighbours

    def product(self, purchases: Purchases) -> Product:
        """Powers of similarities x recent user popularity."""
        sizes = np.maximum(np.diff(purchases.pairs.indptr), 1).astype(np.float64)
        rows = purchases.pairs.row_numbers()
        asking = purchases.pairs.with_data(sizes[rows] ** -self.alpha)
        asked = purchases.pairs.with_data(sizes[rows] ** (self.alpha - 1))
        search = nearest_others(asking, asked, self.neighbours)

        def left(customers: Int32) -> Csr:
            near = search(customers)
            # Nobody is more similar to a customer than the customer, at 1.
            return with_itself(near.with_data(near.data**self.locality), customers, 1.0)

        return Product(left, self._recent_popularity(purchases))

    def _recent_popularity(self, purchases: Purchases) -> Csr:
        customer = np.repeat(purchases.pairs.row_numbers(), purchases.pairs.data.astype(np.int64))
        recent = purchases.weight * (purchases.orders_ago < self.recent)
        return purchases.summed(recent / np.minimum(purchases.orders[customer], self.recent))
