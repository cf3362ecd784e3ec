"""Calibration: scores become what followed them, in their order."""

import numpy as np
import pytest

from ml_assets.models.value.calibration import ORDER_GROUPS, SPEND_GROUPS, Calibration


def test_scores_that_are_twice_too_high_are_halved() -> None:
    rng = np.random.default_rng(1)
    outcomes = rng.gamma(2.0, 50.0, 5_000)
    line = Calibration.fit(2 * outcomes, outcomes, SPEND_GROUPS)
    assert line.apply(np.array([100.0, 200.0, 400.0])) == pytest.approx([50.0, 100.0, 200.0], rel=0.02)
    # Beyond what was seen, in proportion.
    assert line.apply(np.array([1e6]))[0] == pytest.approx(5e5, rel=0.02)


def test_the_order_of_scores_is_kept_and_the_mean_outcome_is_met() -> None:
    rng = np.random.default_rng(2)
    scores = rng.random(3_000)
    outcomes = np.where(rng.random(3_000) < scores**2, 1.0, 0.0)
    line = Calibration.fit(scores, outcomes, ORDER_GROUPS)
    fitted = line.apply(np.sort(scores))
    assert (np.diff(fitted) >= 0).all()
    assert fitted.mean() == pytest.approx(outcomes.mean(), abs=0.01)


@pytest.mark.parametrize("customers", [1, 5, 39, 40])
def test_few_customers_are_one_group(customers: int) -> None:
    line = Calibration.fit(np.linspace(1.0, 2.0, customers), np.full(customers, 3.0), SPEND_GROUPS)
    assert line.apply(np.array([0.0]))[0] == pytest.approx(3.0)


def test_equal_scores_get_one_outcome() -> None:
    scores = np.repeat([0.0, 1.0], [500, 500])
    line = Calibration.fit(scores, np.repeat([2.0, 8.0], [500, 500]), SPEND_GROUPS)
    assert line.apply(np.array([0.0, 1.0])) == pytest.approx([2.0, 8.0])
