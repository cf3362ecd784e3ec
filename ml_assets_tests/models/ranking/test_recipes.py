"""How a method is made, as its card keeps it."""

import pytest

from ml_assets.errors import UserError
from ml_assets.models.parameters import schema_of
from ml_assets.models.ranking.recipes import COMBINATIONS, Recipe, combination, single


@pytest.mark.parametrize(
    "recipe", [single("ease", {"ease": {"regularisation": 2.0}}), combination("ranker", ["ease"], {})]
)
def test_a_recipe_survives_its_card(recipe: Recipe) -> None:
    assert Recipe.from_json(recipe.as_json()) == recipe


def test_a_recipe_of_a_method_that_is_gone_is_none() -> None:
    assert Recipe.from_json({"method": "word2vec", "parameters": {}, "sources": {}}) is None


@pytest.mark.parametrize("kind", COMBINATIONS)
def test_every_parameter_of_a_combination_is_described_and_checked_when_a_card_is_read(kind: str) -> None:
    written = combination(kind, ["popularity"], {}).as_json()
    for parameter, field in schema_of(COMBINATIONS[kind]).model_fields.items():
        assert field.description, parameter
        with pytest.raises(UserError, match=rf"The parameter {parameter} of {kind} is -1"):
            Recipe.from_json({**written, "parameters": {"sources": ["popularity"], parameter: -1}})
    with pytest.raises(UserError, match="The parameter days of popularity is 0"):
        Recipe.from_json({**written, "sources": {"popularity": {"days": 0}}})
