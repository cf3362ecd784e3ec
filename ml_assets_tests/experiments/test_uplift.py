"""Whom an arm makes buy more is told where it is shown, and nothing is told where customers do not differ."""

import numpy as np
import pytest

from ml_assets.experiments.uplift import Learnt, Trial, effects_of, learn, predictor


def trial(customers: int, effect: str, seed: int = 7) -> Trial:
    """Customers who buy by their taste; the effect is on nobody, on all alike, or on those who were long away."""
    rng = np.random.default_rng(seed)
    taste, away, luck = rng.gamma(1.0, 1.0, customers), rng.exponential(20, customers), rng.random(customers)
    treated = rng.random(customers) < 0.5
    more = {"nobody": np.zeros(customers), "alike": np.full(customers, 0.3), "away": 0.6 * (away > 20)}[effect]
    values = rng.poisson(taste + more * treated) * rng.gamma(4, 2.5, customers)
    measures = np.column_stack([taste + rng.normal(0, 0.2, customers), away, luck, rng.poisson(taste * 3)])
    measures[:50, 2] = np.nan
    return Trial(measures, treated, values, 0.5)


@pytest.fixture(scope="module")
def away() -> Learnt:
    return learn(trial(4000, "away"), 1)


def test_customers_who_gain_more_are_found_and_come_first(away: Learnt) -> None:
    assert away.is_shown
    assert away.judged == pytest.approx(3200, abs=2)
    assert away.fifths[0].effect.low > 2
    assert away.fifths[-1].effect.high < away.fifths[0].effect.estimate
    shares = [share for share, _ in away.curve]
    assert shares == pytest.approx([number / 10 for number in range(1, 11)])
    # All of them are everybody, and half of them bring nearly as much.
    everybody, half = away.curve[-1][1].estimate, away.curve[4][1].estimate
    assert everybody == pytest.approx(away.average.estimate)
    assert half > 0.75 * everybody
    away_long = trial(4000, "away").measures[:, 1] > 20
    judged = np.isfinite(away.scores)
    groups = effects_of(away.scores, [("long", judged & away_long), ("not", judged & ~away_long), ("no", judged < 0)])
    assert [one.name for one in groups] == ["long", "not"]
    assert groups[0].effect.low > groups[1].effect.high
    assert groups[0].corrected_p < 0.001


def test_what_was_learnt_is_predicted_for_customers_of_no_trial(away: Learnt) -> None:
    predict = predictor(trial(4000, "away"), away.learner, 1)
    others = np.array([[1.0, 60.0, 0.5, 3.0], [1.0, 5.0, 0.5, 3.0], [np.nan, np.nan, np.nan, np.nan]])
    long, recent, unknown = predict(others)
    assert long > recent + 2
    assert np.isfinite(unknown)


def test_customers_who_do_not_differ_are_not_told_apart() -> None:
    nobody, alike = learn(trial(2000, "nobody"), 1), learn(trial(2000, "alike"), 1)
    assert not nobody.is_shown
    assert nobody.average.low < 0 < nobody.average.high
    assert not alike.is_shown
    assert alike.average.low > 0


def test_the_same_trial_teaches_the_same_and_one_whale_nothing(away: Learnt) -> None:
    again = trial(4000, "away")
    again.values[0] = 1e9
    found = learn(again, 1)
    assert found.average.estimate == pytest.approx(away.average.estimate, abs=0.1)
    assert found.is_shown


def test_few_customers_and_customers_who_buy_nothing_teach_nothing() -> None:
    with pytest.raises(ValueError, match="Fewer than 200 customers"):
        learn(trial(300, "away"), 1)
    nothing = trial(1000, "nobody")
    nothing.values[:] = 0
    found = learn(nothing, 1)
    assert not found.is_shown
    assert (found.average.low, found.average.high) == (0, 0)
    alike = Trial(np.zeros((1000, 2)), nothing.treated, trial(1000, "nobody").values, 0.5)
    assert not learn(alike, 1).is_shown


@pytest.mark.long
def test_a_difference_that_is_none_is_found_as_seldom_as_promised_and_the_mean_effect_holds_the_truth() -> None:
    draws = 200
    found = [learn(trial(1000, "nobody", seed), seed) for seed in range(draws)]
    # A fortieth is promised; three standard deviations are allowed.
    assert sum(one.is_shown for one in found) <= draws * 0.025 + 3 * (draws * 0.025) ** 0.5
    assert sum(one.average.low <= 0 <= one.average.high for one in found) >= draws * 0.95 - 3 * (draws * 0.05) ** 0.5
    assert sum(learn(trial(4000, "away", seed), seed).is_shown for seed in range(20)) >= 14
