"""TIFU-kNN: repeat purchase patterns of a customer and of similar customers."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ml_assets.models.kernels.csr import Csr, Float32
from ml_assets.models.matrices.sparse_scores import Product
from ml_assets.models.parameters import Neighbours, Share
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.neighbours import neighbour_search, with_own_row
from ml_assets.models.recommenders.purchases import Purchases


class TifuKnn(Recommender):
    """Temporal item frequency with nearest neighbours (Hu, He, Gao and Zhang, SIGIR 2020), cosine variant.

    Orders are cut into groups of `group_size`, newest first. With g the group's distance from the newest group and
    p the order's distance from the newest of its group, an order counts
    r_group^g x r_order^p / (orders in the group x groups), and a customer's vector v is the sum over orders.
    score(u) = alpha x v(u) + (1 - alpha) x mean of v over the nearest customers.
    """

    def __init__(
        self,
        neighbours: Neighbours = 300,
        alpha: Annotated[Share, Field(description="Weight of the customer beside the neighbours.")] = 0.7,
        group_size: Annotated[int, Field(ge=1, description="Orders in a group.")] = 7,
        r_order: Annotated[float, Field(gt=0, le=1, description="Decay from order to order of a group.")] = 0.9,
        r_group: Annotated[float, Field(gt=0, le=1, description="Decay from group to group.")] = 0.7,
    ) -> None:
        self.neighbours = neighbours
        self.alpha = alpha
        self.group_size = group_size
        self.r_order = r_order
        self.r_group = r_group

    def vectors(self, purchases: Purchases) -> Csr:
        """Customers x items, the temporal item frequencies."""
        return purchases.summed(purchases.weight * self._order_weights(purchases))

    def product(self, purchases: Purchases) -> Product:
        """Own vector and neighbours' vectors as one product: left row u holds alpha at u."""
        vectors = self.vectors(purchases)
        search = neighbour_search(vectors, self.neighbours)
        return Product(
            lambda customers: with_own_row(search(customers), customers, self.alpha, 1 - self.alpha), vectors
        )

    def _order_weights(self, purchases: Purchases) -> Float32:
        """The weight of the order of each purchase."""
        customer = np.repeat(purchases.pairs.row_numbers(), purchases.pairs.data.astype(np.int64))
        orders = purchases.orders[customer]
        group, place = np.divmod(purchases.orders_ago, self.group_size)
        groups = -(-orders // self.group_size)
        in_group = np.minimum(self.group_size, orders - group * self.group_size)
        weights = np.power(self.r_group, group) * np.power(self.r_order, place) / (in_group * groups)
        return np.asarray(weights, dtype=np.float32)
