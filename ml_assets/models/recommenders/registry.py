"""The recommenders by name: made, fitted and restored together.

Which there are is in `ml_assets/methods.py`; the recommenders are in the files beside.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from pydantic import JsonValue

from ml_assets.methods import SOURCES
from ml_assets.models.artifacts import Arrays
from ml_assets.models.matrices.scores import Scores
from ml_assets.models.parameters import TRAIN_AGAIN, make
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.settings.recommender import RecommenderSettings

Parameters = Mapping[str, Mapping[str, JsonValue]]
"""Constructor arguments by method, where they are not the defaults."""


def make_source(name: str, given: Mapping[str, Any], *, next_step: str = TRAIN_AGAIN) -> Recommender:
    """An unfitted recommender; `given` are the constructor arguments that are not the defaults."""
    source = SOURCES[name]
    maker: type[Recommender] = resolve_name(f"ml_assets.models.recommenders.{source.made_by}")
    return make(maker, name, {**source.preset, **given}, next_step=next_step)


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
            methods[name] = make_source(name, given).restored(own)
        return cls(methods)


def parameters_of(options: RecommenderSettings, names: Iterable[str]) -> dict[str, dict[str, JsonValue]]:
    """What a shop's settings give to each of these recommenders; raises `UserError` where it is not allowed."""
    keys = {name: SOURCES[name].from_settings for name in names}
    given = {name: {parameter: getattr(options, key) for parameter, key in own.items()} for name, own in keys.items()}
    for name, parameters in given.items():
        make_source(name, parameters, next_step="Mend it below `recommender` in the settings.")
    return given


def fit_sources(purchases: Purchases, parameters: Parameters) -> FittedSources:
    """Fit the methods that `parameters` names on some purchases."""
    return FittedSources({name: make_source(name, given).fit(purchases) for name, given in parameters.items()})
