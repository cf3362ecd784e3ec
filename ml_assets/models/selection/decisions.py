"""The decisions of a week: every placement's challenger against its champion.

Gathering what the rule needs from a study belongs here; the rule is in `promotion.py`, the registry elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ml_assets.models.ranking.recipes import Recipe
from ml_assets.models.selection.choose import CHAMPION
from ml_assets.models.selection.promotion import Decision, decide
from ml_assets.models.selection.study import Study
from ml_assets.settings.recommender import SelectionSettings

SIMILAR_ITEMS = "similar_items"
"""What else a recommender fills, beside its placements; it has no challenger to beat."""


@dataclass(frozen=True)
class Registered:
    """A model as the registry knows it."""

    version: str
    trained_through: date
    parameters: Mapping[str, Any]

    def recipe(self, placement: str) -> Recipe | None:
        """How its method of a placement is made; None where this version of ml_assets does not know it any more."""
        written = self.parameters.get("placements", {}).get(placement)
        return Recipe.from_json(written) if written else None


def decide_placements(
    study: Study, champions: Mapping[str, Registered], settings: SelectionSettings
) -> dict[str, Decision]:
    """By placement, and for the similar items."""
    decisions = {}
    for placement, choice in study.choices.items():
        known = champions.get(placement)
        decisions[placement] = decide(
            study.measures.of(placement, choice.method),
            study.measures.of(placement, choice.yardstick),
            study.measures.of(placement, CHAMPION),
            is_yardstick=choice.method == choice.yardstick,
            trained_through=study.through,
            champion_through=known.trained_through if known else None,
            settings=settings,
        )
    decisions[SIMILAR_ITEMS] = Decision(promoted=True, reason="Promoted as the similar items of its week.", facts={})
    return decisions
