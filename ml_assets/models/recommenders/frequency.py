"""Decayed personal frequency: what a customer buys often and lately."""

from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.products import Product
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.sparse import Csr


class DecayedFrequency(Recommender):
    """score(u, i) = sum over the orders of u with i of weight x 2^(-age / half life), age in days."""

    def __init__(self, half_life_days: float = 90.0) -> None:
        self.half_life_days = half_life_days

    def product(self, purchases: Purchases) -> Product:
        """Each customer's own row."""
        customers = len(purchases.customers)
        return Product(lambda first, last: Csr.identity(first, last, customers), purchases.decayed(self.half_life_days))
