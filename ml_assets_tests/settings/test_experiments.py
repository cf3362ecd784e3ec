"""Exploration in the settings: what cannot explore is told when the settings are read."""

import pytest

from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings
from ml_assets_tests.settings.files import write

OFF = "recommender: {placements: {discover: {enabled: false}}}"
ON = "experiments: {exploration: {epsilon: 0.1}}\n"


def test_nothing_explores_unless_it_is_asked_to() -> None:
    write("name: shop")
    assert not load_settings().experiments.exploration.explores("for_you")
    write(ON)
    assert load_settings().experiments.exploration.explores("for_you")
    write("experiments: {exploration: {epsilon: 0.1, placements: [discover]}}")
    assert not load_settings().experiments.exploration.explores("for_you")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("experiments: {exploration: {epsilon: 0.5}}", r"epsilon is 0\.5, but must be less than 0\.5"),
        ("experiments: {exploration: {epsilon: -0.1}}", r"epsilon is -0\.1, but must be 0 or more"),
        ("experiments: {exploration: {epsilon: 0.1, placements: [front]}}", r"placements"),
        (ON + "recommender: {k: 1}", r"no lower half.*recommender\.k to 2 or more"),
        (ON + "recommender: {k: 20, stored: 20}", r"nothing is stored behind the 20 items.*recommender\.stored above"),
        (
            "experiments: {exploration: {epsilon: 0.1, placements: [discover]}}\n" + OFF,
            r"exploration\.placements: discover is not made",
        ),
        (ON + "recommender: {enabled: false}", r"exploration: no lists are made; take it out"),
    ],
)
def test_what_cannot_explore_is_refused_with_what_to_change(given: str, told: str) -> None:
    write(given)
    with pytest.raises(UserError, match=told):
        load_settings()


def test_what_is_switched_off_may_be_there_without_sense() -> None:
    write("experiments: {exploration: {epsilon: 0}}\nrecommender: {k: 1}")
    assert load_settings().recommender.k == 1
