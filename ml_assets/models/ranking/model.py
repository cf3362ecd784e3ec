"""The trained recommender as one thing that can be stored: its card, its sources and the method of each placement.

What a stored model holds belongs here; training and scoring do not. It holds no customer and no history, so erasing
a customer never has to touch a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from upath import UPath

from ml_assets.errors import UserError
from ml_assets.models.artifacts import Arrays, load_artifact, save_artifact
from ml_assets.models.cards import ModelCard
from ml_assets.models.parameters import make
from ml_assets.models.ranking.method import Method
from ml_assets.models.ranking.recipes import Recipe
from ml_assets.models.recommenders.registry import FittedSources
from ml_assets.models.recommenders.similarity import ItemSimilarity


@dataclass(frozen=True)
class RecommenderModel:
    """A trained recommender."""

    card: ModelCard
    sources: FittedSources
    methods: dict[str, Method]
    """The fitted method of each placement."""
    similar: ItemSimilarity
    """The most similar items of each item."""

    @property
    def may_repeat(self) -> bool:
        """Whether `for_you` lists what the customer bought before; models of older versions do."""
        found: Any = self.card.parameters.get("repeats", {})
        return bool(found.get("occur", True))

    def save(self, folder: UPath | Path) -> str:
        """Write the model and return its checksum."""
        arrays = _named("sources", self.sources.arrays()) | _named("similar", self.similar.learned())
        for placement, method in self.methods.items():
            arrays |= _named(placement, method.learned())
        return save_artifact(folder, self.card, arrays)

    @classmethod
    def load(cls, folder: UPath | Path, checksum: str | None = None) -> "RecommenderModel":
        """Read a model; raises `UserError` where it is missing, damaged, or not the one with this checksum."""
        card, arrays = load_artifact(folder, checksum)
        recipes = recipes_of(card)
        # A shop without customers has no placements, and no methods for them.
        if not recipes and card.parameters.get("placements"):
            raise UserError(
                f"The model in {folder} was made by another version of ml_assets: its methods are not known here.",
                "Train it again.",
            )
        parameters = {name: given for recipe in recipes.values() for name, given in recipe.sources.items()}
        similar: Any = card.parameters["similar"]
        return cls(
            card=card,
            sources=FittedSources.restored(parameters, _below("sources", arrays)),
            methods=_methods(recipes, arrays),
            similar=make(ItemSimilarity, "similar_items", similar).restored(_below("similar", arrays)),
        )


def recipes_of(card: ModelCard) -> dict[str, Recipe]:
    """The recipe of each placement that a card names; those of methods unknown here are left out."""
    written: Any = card.parameters.get("placements", {})
    found = {placement: Recipe.from_json(value) for placement, value in written.items()}
    return {placement: recipe for placement, recipe in found.items() if recipe is not None}


def _methods(recipes: Mapping[str, Recipe], arrays: Arrays) -> dict[str, Method]:
    """The method of each placement; one for placements that share what was learned, so that it scores once."""
    made: dict[str, Method] = {}
    for placement, recipe in recipes.items():
        own = _below(placement, arrays)
        same = (other for other in made if recipes[other] == recipe and _equal(_below(other, arrays), own))
        other = next(same, None)
        made[placement] = made[other] if other else recipe.make().restored(own)
    return made


def _equal(one: Arrays, two: Arrays) -> bool:
    return one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)


def _named(prefix: str, arrays: Arrays) -> Arrays:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def _below(prefix: str, arrays: Arrays) -> Arrays:
    start = f"{prefix}."
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
