"""Personal frequency: what a customer buys often, and lately."""

from ml_assets.models.kernels.csr import Csr
from ml_assets.models.matrices.sparse_scores import Product
from ml_assets.models.parameters import HalfLifeDays
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.purchases import Purchases


class PersonalFrequency(Recommender):
    """score(u, i) = orders of u with i, each by the weight of its event; the yardstick of repeat consumption
    (G-top of Hu, He, Gao and Zhang, SIGIR 2020, without the rest of the shop)."""

    def product(self, purchases: Purchases) -> Product:
        """Each customer's own row."""
        return own_rows(purchases.summed(purchases.weight))


class DecayedFrequency(Recommender):
    """score(u, i) = sum over the orders of u with i of weight x 2^(-age / half life), age in days."""

    def __init__(self, half_life_days: HalfLifeDays = 90.0) -> None:
        self.half_life_days = half_life_days

    def product(self, purchases: Purchases) -> Product:
        """Each customer's own row."""
        return own_rows(purchases.decayed(self.half_life_days))


def own_rows(counts: Csr) -> Product:
    """Each customer scores by the own row of customers x items."""
    return Product(lambda first, last: Csr.identity(first, last, counts.rows), counts)
