"""A trial is won by more revenue for sure, and otherwise lost, at its end at the latest."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from ml_assets.experiments.report import judge
from ml_assets.experiments.trials import ending
from ml_assets_tests.experiments.test_report import NOW, WORTH, outcomes

LATER = NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("factor", "days", "ended", "is_won", "words"),
    [
        (1.3, 28, False, True, "Promoted by customers: nothing brings more revenue than lists after 28 days"),
        (1.3, 6, False, None, ""),
        (1.3, 6, True, False, "Dropped, as it had not won by its end. nothing brings more revenue"),
        (1.0, 28, False, None, ""),
        (1.0, 28, True, False, "Dropped, as it had not won by its end. No difference in revenue"),
        (0.7, 1, False, False, "Dropped: nothing brings less revenue than lists after 1 day"),
    ],
)
def test_a_trial_ends_by_what_its_customers_bought(
    factor: float, days: int, *, ended: bool, is_won: bool | None, words: str
) -> None:
    end = ending(WORTH, judge(WORTH, outcomes(factor=factor), days, 28), LATER if ended else NOW)
    assert (end.is_won if end else None) is is_won
    assert end is None or end.reason.startswith(words)


def test_a_trial_that_sells_more_and_drives_customers_away_is_lost() -> None:
    report = judge(WORTH, outcomes(factor=1.3), 28, 28, {"lists": (2000, 10), "nothing": (2000, 110)})
    end = ending(WORTH, report, NOW)
    assert end is not None
    assert not end.is_won
    assert "Higher for sure: unsubscribed." in end.reason


def test_a_split_that_is_not_as_drawn_decides_nothing_before_the_end() -> None:
    report = judge(WORTH, outcomes((2000, 1500), factor=1.3), 28, 28)
    assert ending(WORTH, report, NOW) is None
    end = ending(WORTH, report, LATER)
    assert end is not None
    assert (end.is_won, "No verdict: the split" in end.reason) == (False, True)


def test_a_trial_without_customers_goes_on_and_a_stopped_one_is_lost() -> None:
    report = judge(WORTH, outcomes().clear().cast({"arm": pl.String}), 0, 28)
    assert ending(WORTH, report, NOW) is None
    end = ending(replace(WORTH, stopped_at=NOW, stopped_reason="too dear"), report, NOW)
    assert end is not None
    assert (end.is_won, end.reason) == (False, "Dropped, as its experiment was stopped: too dear")
