"""The value model of a week: what of the lake it is trained on, and when it cannot compare."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ml_assets.lake import Lake
from ml_assets.models.training import artifact_fault, artifact_folder, train_value_week
from ml_assets.models.value.model import CustomerValueModel
from ml_assets.settings.shop import Settings
from ml_assets_tests.features.lines import START, day, line, lines

WEEK = day(280)
"""A Monday."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Customers who come at paces of their own, until the day before the week."""
    lake, rng = Lake(tmp_path_factory.mktemp("lake")), np.random.default_rng(4)
    pace = rng.uniform(0.02, 0.4, 110)
    for number in range((WEEK - START).days):
        deliver(lake, number, np.flatnonzero(rng.random(110) < pace) + 1, rng)
    return lake


def deliver(lake: Lake, number: int, customers: npt.NDArray[np.int64], rng: np.random.Generator) -> None:
    paid = rng.gamma(2.0, 10.0, len(customers))
    rows = [line(int(one), 1, number, amount=float(money)) for one, money in zip(customers, paid, strict=True)]
    lake.write("transactions", lines(*rows).collect(), day(number))


def test_a_week_is_trained_on_whole_windows_before_it_and_stored(lake: Lake) -> None:
    assert WEEK.weekday() == 0
    trained = train_value_week(lake, Settings(), week=WEEK)
    card = trained.card
    assert card.parameters["why_no_contest"] is None
    assert card.metrics["mae"] > 0
    assert card.trained_through == card.data_as_of == WEEK - timedelta(days=1)
    assert artifact_fault(lake, trained.artifact, trained.checksum) is None
    assert CustomerValueModel.load(artifact_folder(lake, trained.artifact), trained.checksum).card == card


def test_what_happens_in_the_week_does_not_change_its_model(lake: Lake) -> None:
    before = train_value_week(lake, Settings(), week=WEEK).card
    deliver(lake, (WEEK - START).days, np.arange(1, 200), np.random.default_rng(0))
    after = train_value_week(lake, Settings(), week=WEEK).card
    assert (after.version, after.metrics) == (before.version, before.metrics)


@pytest.mark.parametrize(
    ("first", "lookback_days", "why"),
    [
        (11, 400, "The history begins on 2024-01-12; a comparison needs 270 days, from 2024-01-11."),
        (0, 60, "lookback_days is 60, and a window has 90 days."),
    ],
)
def test_a_history_without_two_whole_windows_is_continued(
    tmp_path: Path, first: int, lookback_days: int, why: str
) -> None:
    lake = Lake(tmp_path)
    for number in (first, 270):
        deliver(lake, number, np.arange(1, 9), np.random.default_rng(1))
    card = train_value_week(lake, Settings(lookback_days=lookback_days), week=WEEK).card
    assert card.parameters["why_no_contest"] == why
    assert card.parameters["spend_method"] == "naive"
    assert card.metrics == {}
