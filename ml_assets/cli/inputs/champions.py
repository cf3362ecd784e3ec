"""The recipes that score now, for commands that compare with them.

Reading the registry for the command line belongs here; what a recipe is does not.
"""

from datetime import date
from typing import TYPE_CHECKING

from ml_assets.books.models import champion
from ml_assets.cli.inputs.known_shop import where_known
from ml_assets.settings.shop import Settings

if TYPE_CHECKING:
    from ml_assets.models.ranking.recipes import Recipe


def champion_recipes(settings: Settings, before: date) -> "dict[str, Recipe]":
    """By placement, the recipe of the model that scores a day; nothing where nothing was ever published."""
    from ml_assets.models.ranking.recipes import Recipe  # noqa: PLC0415 numba imports slowly

    found: dict[str, Recipe] = {}
    with where_known(settings, "models", "placement") as connection:
        if connection is None:
            return {}
        for placement in settings.recommender.enabled_placements:
            model = champion(connection, "recommender", before, placement)
            written = model.parameters.get("placements", {}).get(placement) if model else None
            recipe = Recipe.from_json(written) if written else None
            if recipe:
                found[placement] = recipe
    return found
