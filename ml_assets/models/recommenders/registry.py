"""The methods by name: what a shop can choose from, and what candidates and features are made of.

The list belongs here, with each method's tier and the lists it offers; the methods are in the files beside.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from ml_assets.models.artifacts import Arrays
from ml_assets.models.matrices.scores import Scores
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.blend import PersonalBlend
from ml_assets.models.recommenders.ease import Ease
from ml_assets.models.recommenders.factorisation import Factorisation
from ml_assets.models.recommenders.frequency import DecayedFrequency, PersonalFrequency
from ml_assets.models.recommenders.popularity import CategoryPopularity, DecayedPopularity, Newcomers, Popularity
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.similarity import ItemSimilarity
from ml_assets.models.recommenders.tifu import TifuKnn
from ml_assets.models.recommenders.up_cf import UpCf
from ml_assets.models.recommenders.user_knn import UserKnn

PERSONAL, NEIGHBOURS, COLLABORATIVE, CATEGORY, POPULAR = TIERS = (
    "personal",
    "neighbours",
    "collaborative",
    "popular_in_category",
    "popular",
)
"""Where an item of a list can come from: the words in `ml.recommendations.source`."""


@dataclass(frozen=True)
class Source:
    """A method that offers candidates and scores."""

    make: Callable[..., Recommender]
    tier: str
    repeats: bool
    """Whether it is asked for what customers bought before, beside what is new to them."""
    grid: tuple[Mapping[str, Any], ...] = ()
    """Parameters worth trying beside the defaults, most promising first."""


SOURCES: dict[str, Source] = {
    "popularity": Source(Popularity, POPULAR, repeats=True),
    "decayed_popularity": Source(DecayedPopularity, POPULAR, repeats=True, grid=({"half_life_days": 5.0},)),
    "newcomers": Source(Newcomers, POPULAR, repeats=False),
    "category_popularity": Source(CategoryPopularity, CATEGORY, repeats=False),
    "personal_frequency": Source(PersonalFrequency, PERSONAL, repeats=True),
    "recent_frequency": Source(lambda half_life_days=30.0: DecayedFrequency(half_life_days), PERSONAL, repeats=True),
    "decayed_frequency": Source(
        DecayedFrequency, PERSONAL, repeats=True, grid=({"half_life_days": 180.0}, {"half_life_days": 45.0})
    ),
    "long_frequency": Source(lambda half_life_days=240.0: DecayedFrequency(half_life_days), PERSONAL, repeats=True),
    "personal_blend": Source(PersonalBlend, NEIGHBOURS, repeats=True, grid=({"half_life_days": 180.0},)),
    "tifu_knn": Source(TifuKnn, NEIGHBOURS, repeats=True, grid=({"alpha": 0.5}, {"r_group": 0.9})),
    "up_cf": Source(UpCf, NEIGHBOURS, repeats=True, grid=({"locality": 5}, {"recent": 100})),
    "user_knn": Source(UserKnn, NEIGHBOURS, repeats=False, grid=({"recent_half_life_days": 90.0},)),
    "item_knn": Source(ItemSimilarity, COLLABORATIVE, repeats=False),
    "ease": Source(Ease, COLLABORATIVE, repeats=False, grid=({"regularisation": 2.0}, {"regularisation": 15.0})),
    "factorisation": Source(Factorisation, COLLABORATIVE, repeats=False, grid=({"factors": 32},)),
}

Parameters = Mapping[str, Mapping[str, JsonValue]]
"""Constructor arguments by method, where they are not the defaults."""


@dataclass(frozen=True)
class FittedSources:
    """Fitted methods by name."""

    methods: dict[str, Recommender]

    def scores(self, purchases: Purchases) -> dict[str, Scores]:
        """What each says of some purchases."""
        return {name: method.product(purchases) for name, method in self.methods.items()}

    def arrays(self) -> Arrays:
        """What they learned, named `<method>.<array>`."""
        learned = {name: method.learned() for name, method in self.methods.items()}
        return {f"{name}.{key}": value for name, arrays in learned.items() for key, value in arrays.items()}

    @classmethod
    def restored(cls, parameters: Parameters, arrays: Arrays) -> "FittedSources":
        """From the parameters of each method and the arrays of `arrays`."""
        methods = {}
        for name, given in parameters.items():
            own = {key.removeprefix(f"{name}."): value for key, value in arrays.items() if key.startswith(f"{name}.")}
            methods[name] = SOURCES[name].make(**given).restored(own)
        return cls(methods)


def fit_sources(purchases: Purchases, parameters: Parameters) -> FittedSources:
    """Fit the methods that `parameters` names on some purchases."""
    return FittedSources({name: SOURCES[name].make(**given).fit(purchases) for name, given in parameters.items()})
