"""Whether a newly trained method may score: held against the simple method and the champion."""

from datetime import date
from typing import Any

import pytest

from ml_assets.models.metrics.measures import Measurement
from ml_assets.models.selection.choose import CHAMPION
from ml_assets.models.selection.promotion import Decision, decide_promotion
from ml_assets.settings.recommender import SelectionSettings
from ml_assets_tests.models.selection.measured import measured

RULES = SelectionSettings()


def decision(
    challenger: list[Measurement], yardstick: list[Measurement], champion: list[Measurement], **more: Any
) -> Decision:
    facts: dict[str, Any] = {
        "is_yardstick": False,
        "trained_through": date(2024, 6, 30),
        "champion_through": date(2024, 6, 23) if champion else None,
        "settings": RULES,
    }
    return decide_promotion(challenger, yardstick, champion, **(facts | more))


BASE = measured("popularity", 0.2, 0.2)


def test_the_first_model_is_promoted_when_it_beats_the_yardstick() -> None:
    found = decision(measured("ease", 0.25, 0.25), BASE, [])
    assert found.promoted
    assert found.facts["gain_over_yardstick"] == pytest.approx(0.25)


def test_a_challenger_within_the_margin_is_promoted_because_its_data_are_newer() -> None:
    found = decision(measured("ease", 0.25, 0.247), BASE, measured(CHAMPION, 0.25, 0.25))
    assert found.promoted
    assert "with newer data" in found.reason


def test_a_challenger_beyond_the_margin_is_refused_with_its_numbers() -> None:
    found = decision(measured("ease", 0.24, 0.24), BASE, measured(CHAMPION, 0.25, 0.25))
    assert not found.promoted
    assert "-4.0% NDCG against the champion" in found.reason
    assert found.facts["champion_ndcg"] == pytest.approx(0.25)


def test_a_challenger_worse_than_the_simple_method_is_refused() -> None:
    assert not decision(measured("ease", 0.19, 0.19), BASE, []).promoted


def test_the_simple_method_itself_may_be_published() -> None:
    assert decision(BASE, BASE, [], is_yardstick=True).promoted


def test_a_challenger_that_shows_much_less_of_the_catalogue_is_refused() -> None:
    narrow = measured("ease", 0.3, 0.3, coverage=0.01)
    found = decision(narrow, BASE, measured(CHAMPION, 0.25, 0.25))
    assert not found.promoted
    assert "less than 50% of the champion's" in found.reason


def test_a_challenger_with_older_data_than_the_champion_is_refused() -> None:
    found = decision(measured("ease", 0.3, 0.3), BASE, measured(CHAMPION, 0.25, 0.25), trained_through=date(2024, 6, 1))
    assert not found.promoted
    assert "2024-06-01" in found.reason


def test_without_windows_only_the_dates_decide() -> None:
    assert decision([], [], [], is_yardstick=True).promoted
    old = {"trained_through": date(2024, 6, 1), "champion_through": date(2024, 6, 23)}
    assert not decision([], [], [], is_yardstick=True, **old).promoted
