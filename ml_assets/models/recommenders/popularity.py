"""What everybody buys: the fallback for customers without history and the yardstick of every other method."""

import numpy as np

from ml_assets.models.kernels.csr import Float32
from ml_assets.models.matrices.scores import GroupScores, SharedScores
from ml_assets.models.parameters import Days, HalfLifeDays
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.purchases import Purchases


class Popularity(Recommender):
    """Items by the number of customers who bought them in the last `days` days.

    Equal numbers rank by buyers over the whole look-back, so that every item has its place even where nothing was
    sold lately: score = buyers in the window + buyers ever / (1 + customers).
    """

    def __init__(self, days: Days = 28) -> None:
        self.days = days

    def scores(self, purchases: Purchases) -> Float32:
        """One score per item."""
        return (purchases.buyers(self.days) + _rest(purchases)).astype(np.float32)

    def product(self, purchases: Purchases) -> SharedScores:
        """The same for everybody."""
        return SharedScores(self.scores(purchases))


class DecayedPopularity(Recommender):
    """score(i) = sum over the customers who bought i of 2^(-age of their newest purchase / half life).

    Exponential forgetting (Cormode, Shkapenyuk, Srivastava and Xu, ICDE 2009) instead of a window with an edge.
    """

    def __init__(self, half_life_days: HalfLifeDays = 14.0) -> None:
        self.half_life_days = half_life_days

    def product(self, purchases: Purchases) -> SharedScores:
        """The same for everybody."""
        age = purchases.newest_bought().astype(np.float64)
        weights = np.exp2(-age / self.half_life_days)
        scores = np.bincount(purchases.pairs.indices, weights=weights, minlength=len(purchases.items))
        return SharedScores(scores.astype(np.float32))


class Newcomers(Recommender):
    """Items by the number of customers who bought them in the last `days` days for the first time.

    What wins new buyers now is what others will try next; staples that everybody has already come out low.
    """

    def __init__(self, days: Days = 28) -> None:
        self.days = days

    def product(self, purchases: Purchases) -> SharedScores:
        """The same for everybody; equal numbers rank by buyers ever."""
        return SharedScores((purchases.newcomers(self.days) + _rest(purchases)).astype(np.float32))


class CategoryPopularity(Recommender):
    """Popular items of the customer's categories: score(u, i) = share of i's category in u's purchases, decayed, x
    customers who bought i in the last `days` days."""

    def __init__(self, days: Days = 28, half_life_days: HalfLifeDays = 90.0) -> None:
        self.days = days
        self.half_life_days = half_life_days

    def product(self, purchases: Purchases) -> GroupScores:
        """The best-sellers of each category, by the customer's share of it."""
        popular = (purchases.buyers(self.days) + _rest(purchases)).astype(np.float32)
        return GroupScores.of(purchases.category_shares(self.half_life_days), purchases.category, popular)


def _rest(purchases: Purchases) -> Float32:
    """Buyers ever as a number below 1, which orders what is otherwise equal."""
    return np.asarray(purchases.buyers() / (1.0 + purchases.rows), dtype=np.float32)
