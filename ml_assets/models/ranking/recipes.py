"""Recipes: a method with its parameters, as it is written into a card and can be made again on other data."""

from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from ml_assets.methods import METHODS, SOURCES
from ml_assets.models.parameters import make
from ml_assets.models.ranking.fusion import Fusion
from ml_assets.models.ranking.method import Method, Single
from ml_assets.models.ranking.ranker import Ranker
from ml_assets.models.recommenders.registry import Parameters, make_source

COMBINATIONS: dict[str, type[Fusion] | type[Ranker]] = {Fusion.name: Fusion, Ranker.name: Ranker}


@dataclass(frozen=True)
class Recipe:
    """How to make the method of a placement."""

    method: str
    """A source, `fusion` or `ranker`."""
    parameters: dict[str, JsonValue]
    """Constructor arguments of a combination; empty for a single source."""
    sources: dict[str, dict[str, JsonValue]]
    """Constructor arguments of every source that it needs."""

    def make(self) -> Method:
        """An unfitted method."""
        if self.method in COMBINATIONS:
            return make(COMBINATIONS[self.method], self.method, self.parameters)
        return Single(self.method)

    def varied(self, variant: Method) -> "Recipe":
        """The recipe of a variant of its method, which differs in the free parameters only."""
        free = {name: variant.parameters[name] for name in variant.free}
        return Recipe(self.method, {**self.parameters, **free}, self.sources)

    def as_json(self) -> dict[str, JsonValue]:
        """For a card."""
        return {"method": self.method, "parameters": dict(self.parameters), "sources": dict(self.sources)}

    @classmethod
    def from_json(cls, value: Any) -> "Recipe | None":
        """From a card; None where the method is not known to this version any more.

        Raises `UserError` where a parameter is not what its method allows.
        """
        recipe = cls(value["method"], value["parameters"], value["sources"])
        if recipe.method not in METHODS or not recipe.sources.keys() <= SOURCES.keys():
            return None
        recipe.make()
        for name, given in recipe.sources.items():
            make_source(name, given)
        return recipe


def single(source: str, tuned: Parameters) -> Recipe:
    """One source alone."""
    needs = Single(source).needs
    return Recipe(source, {}, {name: dict(tuned.get(name, {})) for name in needs})


def combination(kind: str, sources: list[str], tuned: Parameters, **parameters: JsonValue) -> Recipe:
    """Fusion or ranker over some sources."""
    given: dict[str, JsonValue] = {"sources": [*sources], **parameters}
    return Recipe(kind, given, {name: dict(tuned.get(name, {})) for name in sources})
