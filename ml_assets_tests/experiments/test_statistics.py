"""Arms are compared as gbstats compares them, and what the intervals promise holds in simulated shops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.experiments.statistics import (
    Floats,
    always_valid,
    compare,
    corrected,
    customers_needed,
    ratio_mismatch,
    smallest_effect,
    winsorised,
)

DAYS = 28


def made_arm(number: int) -> tuple[Floats, Floats]:
    """Past and values of 400 customers, by a formula."""
    places = np.arange(400)
    past = ((places * 37 + number * 11) % 101) / 10.0
    return past, past * 1.5 + ((places * 53 + number * 29) % 89) / 20.0 + 0.4 * number


def test_two_arms_are_compared_as_gbstats_compares_them() -> None:
    """Those of gbstats 0.8.0: TwoSidedTTest, and SequentialTwoSidedTTest tuned to 600 customers."""
    (past, values), (other_past, others) = made_arm(0), made_arm(1)
    plain = compare(values, others)
    assert plain.difference.estimate == pytest.approx(0.4251250000000013, abs=1e-9)
    assert (plain.difference.low, plain.difference.high) == pytest.approx((-0.20250796630628165, 1.0527579663062843))
    assert plain.p_value == pytest.approx(0.18403286987264833, abs=1e-9)
    assert plain.lift.estimate == pytest.approx(0.04390879983474502, abs=1e-9)
    # Theirs has degrees of freedom of its own for the ratio; 800 customers tell them apart in the sixth digit.
    assert (plain.lift.low, plain.lift.high) == pytest.approx((-0.022364513364340644, 0.11018211303383069), abs=1e-6)
    tuned = compare(values, others, expected_variance=plain.variance * 600 / 800)
    assert (tuned.always.low, tuned.always.high) == pytest.approx((-0.5467287770373502, 1.396978777037353))
    adjusted = compare(values, others, (past, other_past))
    assert adjusted.difference.estimate == pytest.approx(0.40397633997412097)
    assert (adjusted.difference.low, adjusted.difference.high) == pytest.approx(
        (0.22540786596024392, 0.5825448139879981)
    )
    assert adjusted.p_value == pytest.approx(1.022699449215736e-05)
    assert adjusted.variance_reduction > 0.9
    assert ratio_mismatch([5100, 4900], [0.5, 0.5]) == pytest.approx(0.04550026389635857)
    assert ratio_mismatch([300, 500, 260], [0.3, 0.5, 0.2]) == pytest.approx(0.001122212798156556)


def test_one_whale_moves_nothing_and_outcomes_of_nothing_are_no_difference() -> None:
    (_, values), (_, others) = made_arm(0), made_arm(0)
    others = np.append(others, 1e6)
    capped = winsorised([values, others])
    assert capped[1].max() == values.max()
    assert abs(compare(capped[0], capped[1]).difference.estimate) < 0.1
    nothing = compare(np.zeros(50), np.zeros(50), (np.zeros(50), np.zeros(50)))
    assert (nothing.difference.low, nothing.difference.high, nothing.p_value) == (0, 0, 1)
    assert math.isnan(nothing.lift.estimate)
    unknown = compare(values, values, (np.full(400, np.nan), np.full(400, np.nan)))
    assert unknown.variance_reduction == 0


def test_p_values_of_several_metrics_are_corrected() -> None:
    """The example of Holm's procedure in statsmodels.stats.multitest, multipletests(..., method='holm')."""
    assert corrected([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert corrected([]) == []


@given(
    variance=st.floats(1e-6, 1e6), expected=st.floats(1e-6, 1e6), alpha=st.floats(0.001, 0.2), factor=st.floats(0.1, 10)
)
def test_the_always_valid_interval_is_wider_than_the_fixed_one_and_scales(
    variance: float, expected: float, alpha: float, factor: float
) -> None:
    wide = always_valid(variance, alpha, expected)
    # 1.2 standard errors and more beyond those of the fixed horizon.
    assert wide > math.sqrt(variance) * math.sqrt(-2 * math.log(alpha))
    scaled = always_valid(variance * factor**2, alpha, expected * factor**2)
    assert scaled == pytest.approx(wide * factor)


def test_the_planner_keeps_its_promise() -> None:
    rng = np.random.default_rng(1)
    needed = customers_needed(4.0, 0.4, (0.5, 0.5))
    assert smallest_effect(4.0, needed, (0.5, 0.5)) == pytest.approx(0.4, rel=0.01)
    assert needed == pytest.approx(2 * 2 * (1.96 + 0.8416) ** 2 * 4 / 0.16, rel=0.001)
    assert 1.8 < customers_needed(4.0, 0.4, (0.5, 0.5), peeking=True) / needed < 2.0
    half, found = needed // 2, 0
    for _ in range(400):
        found += compare(rng.normal(5, 2, half), rng.normal(5.4, 2, half)).p_value < 0.05
    assert 0.74 < found / 400 < 0.86


def simulated(rng: np.random.Generator, customers: int, lift: float) -> tuple[list[Floats], Floats]:
    """What two arms bought, cumulated day by day, and in the 90 days before; few buy on a day, some for much."""
    arms, past = [], []
    for factor in (1.0, 1.0 + lift):
        rate = rng.gamma(0.7, 0.12, customers)
        spend = rng.lognormal(2.5, 0.6, customers)
        past.append(rng.poisson(rate * 90) * spend * rng.lognormal(0, 0.3, customers))
        daily = rng.poisson(rate[:, None] * factor, (customers, DAYS)) * spend[:, None]
        arms.append((daily * rng.lognormal(0, 0.5, (customers, DAYS))).cumsum(axis=1))
    return arms, np.array(past)


def looked_at_daily(runs: int, lift: float, seed: int) -> dict[str, float]:
    """How often intervals held the truth at the end, and at all 28 looks; what the past explained."""
    rng = np.random.default_rng(seed)
    # The truth of the last day from very many customers; of the days before it is its part.
    truth = 0.0
    if lift:
        # Mean spend a day of one customer: rate x spend x noise.
        truth = lift * 0.7 * 0.12 * math.exp(2.5 + 0.18) * math.exp(0.125)
    at_end, fixed, always, reduction = 0, 0, 0, 0.0
    for _ in range(runs):
        (control, arm), past = simulated(rng, 600, lift)
        # A day of the past of these customers says how far the difference will spread in 28.
        expected = sum(each.var(ddof=1) / each.size for each in past) * DAYS / 90 / 3
        held = []
        for day in range(DAYS):
            found = compare(control[:, day], arm[:, day], (past[0], past[1]), expected_variance=expected)
            real = truth * (day + 1)
            held.append(
                (found.difference.low <= real <= found.difference.high, found.always.low <= real <= found.always.high)
            )
        at_end += held[-1][0]
        fixed += all(one for one, _ in held)
        always += all(one for _, one in held)
        reduction += found.variance_reduction
    return {
        "coverage": at_end / runs,
        "fixed_peeked": fixed / runs,
        "always_peeked": always / runs,
        "reduction": reduction / runs,
    }


def test_peeking_breaks_the_fixed_interval_and_not_the_other() -> None:
    found = looked_at_daily(80, 0.0, 7)
    assert found["always_peeked"] >= 0.95
    assert found["fixed_peeked"] < 0.92
    assert found["reduction"] > 0.2


@pytest.mark.long
@pytest.mark.parametrize("lift", [0.0, 0.01, 0.03, 0.10])
def test_intervals_hold_the_truth_as_often_as_they_say(lift: float) -> None:
    found = looked_at_daily(1000, lift, 11)
    print(lift, found)
    assert 0.93 <= found["coverage"] <= 0.97
    assert found["always_peeked"] >= 0.95
