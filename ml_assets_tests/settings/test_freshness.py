"""Limits of age: durations, and what is left unset."""

from datetime import timedelta

import pytest

from ml_assets.errors import UserError
from ml_assets.settings.durations import plain_duration
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings
from ml_assets.subjects import SUBJECTS
from ml_assets_tests.settings.files import write


def test_short_durations_are_understood() -> None:
    write("freshness: {data: {warn_after: 6h, error_after: 2d}}")
    assert load_settings().freshness.data.error_after == timedelta(days=2)


def test_limits_left_unset_are_those_of_their_kind() -> None:
    write(
        "freshness: {model: {error_after: 20d}, predictions: {deadline: '07:00'}, subjects: {recommender_model: "
        "{warn_after: 10d}, popular_items: {error_after: 3d}, transactions: {deadline: '06:00'}}}"
    )
    freshness = load_settings().freshness
    found = {
        name: freshness.of(subject.kind, name)
        for name, subject in SUBJECTS.items()
        if name in ("recommender_model", "segmentation_model", "recommendations", "popular_items", "transactions")
    }
    assert {
        name: (plain_duration(limits.warn_after), plain_duration(limits.error_after), limits.deadline)
        for name, limits in found.items()
    } == {
        "transactions": ("30h", "54h", "06:00"),
        "recommender_model": ("10d", "20d", None),
        "segmentation_model": ("8d", "20d", None),
        "recommendations": ("30h", "54h", "07:00"),
        # An age of its own takes the place of the kind's deadline.
        "popular_items": ("30h", "3d", None),
    }
    again = Settings.model_validate(load_settings().model_dump()).freshness
    assert again == freshness


@pytest.mark.parametrize("key", ["data.warn_after", "model.error_after", "subjects.recommendations.warn_after"])
def test_nothing_is_late_from_the_beginning(key: str) -> None:
    *sections, last = key.split(".")
    text = f"{{{last}: 0h}}"
    for section in reversed(sections):
        text = f"{{{section}: {text}}}"
    write(f"freshness: {text}")
    with pytest.raises(UserError, match=rf"freshness\.{key}: 0s is no length of time"):
        load_settings()
