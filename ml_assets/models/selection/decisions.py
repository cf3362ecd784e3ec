"""The decisions of a week: every placement's challenger against its champion.

Gathering what the rule needs from a study belongs here; the rule is in `promotion.py`, the registry elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from ml_assets.methods import NOT_MADE
from ml_assets.models.placements import SIMILAR_ITEMS
from ml_assets.models.ranking.recipes import Recipe
from ml_assets.models.selection.choose import CHAMPION
from ml_assets.models.selection.promotion import Decision, decide_promotion
from ml_assets.models.selection.study import Study
from ml_assets.settings.recommender import RecommenderSettings


class Registered(Protocol):
    """What must be known of a model in the registry."""

    @property
    def trained_through(self) -> date:
        """The last day that it has seen."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """With the recipes of its methods by placement."""


@dataclass(frozen=True)
class PlacementDecision(Decision):
    """What the registry keeps of a decision."""

    placement: str
    """Or SIMILAR_ITEMS."""
    method: str
    choice: str
    """Why this method was chosen from all."""


def champion_recipes(champions: Mapping[str, Registered]) -> dict[str, Recipe]:
    """How each placement's champion is made; without those that this version of ml_assets does not know any more."""
    written = {name: model.parameters.get("placements", {}).get(name) for name, model in champions.items()}
    found = {name: Recipe.from_json(recipe) for name, recipe in written.items() if recipe}
    return {name: recipe for name, recipe in found.items() if recipe}


def decide_placements(
    study: Study,
    champions: Mapping[str, Registered],
    options: RecommenderSettings,
    kept: Mapping[str, PlacementDecision] | None = None,
) -> list[PlacementDecision]:
    """One decision for each placement and one for the similar items: what is to be registered.

    A placement that the shop cannot have is promoted as not made, so that no older champion goes on filling it. Those
    that are `kept` have been decided.
    """
    decisions = []
    for placement, choice in study.choices.items():
        if kept and placement in kept:
            decisions.append(kept[placement])
            continue
        known = champions.get(placement)
        decision = decide_promotion(
            study.measures.of(placement, choice.method),
            study.measures.of(placement, choice.yardstick),
            study.measures.of(placement, CHAMPION),
            is_yardstick=choice.method == choice.yardstick,
            trained_through=study.through,
            champion_through=known.trained_through if known else None,
            settings=options.selection,
        )
        decisions.append(
            PlacementDecision(**vars(decision), placement=placement, method=choice.method, choice=choice.reason)
        )
    for placement, reason in study.repeats.left_out(options).items():
        share = {} if study.repeats.share is None else {"repeat_share": study.repeats.share}
        decisions.append(
            PlacementDecision(
                promoted=True, reason=reason, facts=share, placement=placement, method=NOT_MADE, choice=""
            )
        )
    reason = "Promoted as the similar items of its week."
    similar = PlacementDecision(
        promoted=True, reason=reason, facts={}, placement=SIMILAR_ITEMS, method=SIMILAR_ITEMS, choice=""
    )
    return [*decisions, similar]
