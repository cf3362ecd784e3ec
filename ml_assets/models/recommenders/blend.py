"""The personal model behind `for_you`: what customers repeat, informed by customers who repeat the same."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ml_assets.models.kernels.csr import Csr
from ml_assets.models.matrices.sparse_scores import Product
from ml_assets.models.parameters import HalfLifeDays, Neighbours, RepeatRate, Share
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.frequency import DecayedFrequency
from ml_assets.models.recommenders.neighbours import neighbour_search, with_own_row
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.tifu import TifuKnn


class PersonalBlend(Recommender):
    """TIFU-kNN and decayed frequency in one list.

    With v the temporal item frequencies of TIFU-kNN and f the decayed frequencies with the items' repeat rates
    (`DecayedFrequency`), each divided by the customer's largest, the blended vector is
    b = (1 - frequency) x v + frequency x f, and
    score(u) = b(u) + neighbour_weight x mean of b over the nearest customers by the cosine of v.
    The division matters: without it neighbours with few orders drown the others.
    """

    def __init__(
        self,
        half_life_days: HalfLifeDays = 90.0,
        neighbours: Neighbours = 300,
        frequency: Annotated[Share, Field(description="Weight of the decayed frequency.")] = 0.67,
        neighbour_weight: Annotated[float, Field(ge=0, description="Weight of the neighbours' mean.")] = 0.5,
        repeat_rate: RepeatRate = 0.0,
    ) -> None:
        self.half_life_days = half_life_days
        self.neighbours = neighbours
        self.frequency = frequency
        self.neighbour_weight = neighbour_weight
        self.repeat_rate = repeat_rate

    def product(self, purchases: Purchases) -> Product:
        """Own vector and neighbours' vectors as one product: left row u holds 1 at u."""
        frequencies = TifuKnn().vectors(purchases)
        decayed = DecayedFrequency(self.half_life_days, self.repeat_rate).counts(purchases)
        blended = frequencies.with_data(
            (1 - self.frequency) * _relative(frequencies).data + self.frequency * _relative(decayed).data
        )
        search = neighbour_search(frequencies, self.neighbours)
        return Product(
            lambda customers: with_own_row(search(customers), customers, 1.0, self.neighbour_weight), blended
        )


def _relative(vectors: Csr) -> Csr:
    """Rows divided by their largest value."""
    if not vectors.indices.size:
        return vectors
    # Every customer has at least one pair, so no segment is empty.
    largest = np.maximum.reduceat(vectors.data, vectors.indptr[:-1])
    largest[largest <= 0] = 1.0
    return vectors.with_data(vectors.data / largest[vectors.row_numbers()])
