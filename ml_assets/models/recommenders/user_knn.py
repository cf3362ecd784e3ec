"""User-kNN: what similar customers bought lately."""

import numpy as np
import numpy.typing as npt

from ml_assets.models.matrices.sparse_scores import Product
from ml_assets.models.parameters import HalfLifeDays, Neighbours
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.neighbours import neighbour_search
from ml_assets.models.recommenders.purchases import Purchases


class UserKnn(Recommender):
    """Neighbourhood method on implicit data (after Herlocker, Konstan, Borchers and Riedl, SIGIR 1999).

    Customers are alike by the cosine of log(1 + decayed count) x idf, idf(i) = log(1 + customers / buyers of i);
    score(u, i) = sum over the nearest customers v of cosine(u, v) x decayed count of i by v, with a short half life.
    """

    def __init__(
        self,
        neighbours: Neighbours = 200,
        taste_half_life_days: HalfLifeDays = 180.0,
        recent_half_life_days: HalfLifeDays = 30.0,
    ) -> None:
        self.neighbours = neighbours
        self.taste_half_life_days = taste_half_life_days
        self.recent_half_life_days = recent_half_life_days

    def product(self, purchases: Purchases) -> Product:
        """Cosines of the neighbours x their recent purchases."""
        counts = purchases.decayed(self.taste_half_life_days)
        taste = counts.with_data(np.log1p(counts.data) * idf(purchases)[counts.indices])
        return Product(neighbour_search(taste, self.neighbours), purchases.decayed(self.recent_half_life_days))


def idf(purchases: Purchases) -> npt.NDArray[np.float32]:
    """Inverse document frequency of each item."""
    return np.log1p(purchases.rows / np.maximum(purchases.buyers(), 1)).astype(np.float32)
