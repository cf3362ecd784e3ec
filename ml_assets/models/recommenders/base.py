"""What every recommender looks like.

The interface and nothing else. A recommender stores its parameters verbatim, `fit` learns what is shared between
customers and returns self, and `product` scores histories, which may be newer than what was fitted: customers' own
data never become part of a model.
"""

from abc import ABC, abstractmethod
from typing import Self

from pydantic import JsonValue

from ml_assets.models.artifacts import Arrays
from ml_assets.models.matrices.scores import Scores
from ml_assets.models.recommenders.purchases import Purchases


class Recommender(ABC):
    """A method that scores items for customers."""

    def fit(self, purchases: Purchases) -> Self:  # noqa: ARG002 - methods that only look at histories learn nothing
        """Learn from purchases; methods that only look at histories learn nothing."""
        return self

    @abstractmethod
    def product(self, purchases: Purchases) -> Scores:
        """Scores for all customers and items of `purchases`, in their codes; higher is better, 0 says nothing."""

    @property
    def parameters(self) -> dict[str, JsonValue]:
        """What was given to the constructor."""
        return {name: value for name, value in vars(self).items() if not name.endswith("_")}

    def learned(self) -> Arrays:
        """What `fit` learned, as arrays for an artifact."""
        return {}

    def restored(self, arrays: Arrays) -> Self:  # noqa: ARG002
        """The recommender as `fit` left it, from what `learned` returned."""
        return self
