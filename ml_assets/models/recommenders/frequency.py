"""Personal frequency: what a customer buys often, and lately."""

import numpy as np

from ml_assets.models.kernels.csr import Csr
from ml_assets.models.matrices.sparse_scores import Product
from ml_assets.models.parameters import HalfLifeDays, RepeatRate
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.purchases import Purchases


class PersonalFrequency(Recommender):
    """score(u, i) = orders of u with i, each by the weight of its event; the yardstick of repeat consumption
    (G-top of Hu, He, Gao and Zhang, SIGIR 2020, without the rest of the shop)."""

    def product(self, purchases: Purchases) -> Product:
        """Each customer's own row."""
        return own_rows(purchases.summed(purchases.weight))


class DecayedFrequency(Recommender):
    """score(u, i) = sum over the orders of u with i of weight x 2^(-age / half life) + repeat_rate x r(i), age in days.

    r(i) is how readily customers buy the item again, relative to all items: the rate that all share tells what one
    customer's few orders cannot (as the item's prior in Bhagat, Muralidharan, Lobzhanidze and Vishwanath, Buy It Again,
    KDD 2018). Where an item was bought once it decides, where it was bought often the customer's own count does.
    """

    def __init__(self, half_life_days: HalfLifeDays = 90.0, repeat_rate: RepeatRate = 0.0) -> None:
        self.half_life_days = half_life_days
        self.repeat_rate = repeat_rate

    def counts(self, purchases: Purchases) -> Csr:
        """Customers x items, the scores."""
        decayed = purchases.decayed(self.half_life_days)
        if not self.repeat_rate:
            return decayed
        bought = purchases.bought()
        rates = np.where(bought.data > 0, purchases.repeat_rates()[bought.indices], np.float32(0))
        return decayed.with_data(decayed.data + np.float32(self.repeat_rate) * rates)

    def product(self, purchases: Purchases) -> Product:
        """Each customer's own row."""
        return own_rows(self.counts(purchases))


def own_rows(counts: Csr) -> Product:
    """Each customer scores by the own row of customers x items."""
    return Product(lambda customers: Csr.identity(customers, counts.rows), counts)
