"""What every recommender looks like.

The interface and nothing else. A recommender stores its parameters verbatim, `fit` learns what is shared between
customers and returns self, and `product` scores histories, which may be newer than what was fitted: customers' own
data never become part of a model.
"""

from abc import ABC, abstractmethod
from typing import Self

from ml_assets.models.recommenders.products import Product
from ml_assets.models.recommenders.purchases import Purchases


class Recommender(ABC):
    """A method that scores items for customers."""

    def fit(self, purchases: Purchases) -> Self:  # noqa: ARG002 - methods that only look at histories learn nothing
        """Learn from purchases; methods that only look at histories learn nothing."""
        return self

    @abstractmethod
    def product(self, purchases: Purchases) -> Product:
        """Scores for all customers and items of `purchases`, in their codes; higher is better, 0 says nothing."""
