"""BG/NBD and Gamma-Gamma: what the papers print, and what a simulation was made of."""

import numpy as np
import numpy.typing as npt
import pytest

from ml_assets.errors import UserError
from ml_assets.models.value.bg_nbd import BgNbd, Histories
from ml_assets.models.value.gamma_gamma import GammaGamma

Vector = npt.NDArray[np.float64]
# Estimates of both papers for the 2,357 customers of CDNOW, in weeks and dollars.
CDNOW = BgNbd(0.243, 4.414, 0.793, 2.426)
CDNOW_SPEND = GammaGamma(6.25, 3.74, 15.44)


def history(repeats: float, last: float, age: float) -> Histories:
    return Histories(np.array([float(repeats)]), np.array([float(last)]), np.array([float(age)]))


def simulated(model: BgNbd, customers: int, weeks: float, ahead: float, seed: int) -> tuple[Histories, Vector]:
    """Customers who behave as the model says: their histories, and their orders in the time ahead."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(model.r, 1 / model.alpha, customers)
    leaving = rng.beta(model.a, model.b, customers)
    ages = rng.uniform(weeks / 2, weeks, customers)
    repeats, last, later = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    for row in range(customers):
        at = rng.exponential(1 / rates[row])
        while at <= ages[row] + ahead:
            if at <= ages[row]:
                repeats[row], last[row] = repeats[row] + 1, at
            else:
                later[row] += 1
            if rng.random() < leaving[row]:
                break
            at += rng.exponential(1 / rates[row])
    return Histories(repeats, last, ages), later


def test_the_formulas_give_what_the_papers_print_of_the_first_customer_of_cdnow() -> None:
    """Two orders after the first, the last in week 30.43 of 38.86, worth 22.35 dollars each."""
    first = history(2, 30.43, 38.86)
    assert CDNOW.expected_orders(first, 39.0)[0] == pytest.approx(1.226, abs=5e-4)
    assert CDNOW.there(first)[0] == pytest.approx(0.7266, abs=5e-5)
    assert CDNOW_SPEND.expected_value(np.array([2.0]), np.array([22.35]))[0] == pytest.approx(24.66, abs=5e-3)
    # Who never came again is given the mean of all, the model's p * gamma / (q - 1).
    mean = CDNOW_SPEND.expected_value(np.array([0.0]), np.array([0.0]))[0]
    assert mean == pytest.approx(6.25 * 15.44 / 2.74)


def test_the_parameters_of_simulated_customers_are_found_again() -> None:
    made = BgNbd(0.8, 5.0, 0.6, 2.5)
    histories, later = simulated(made, 6_000, 60.0, 13.0, seed=3)
    found = BgNbd.fit(histories)
    # Of a beta distribution the mean is well determined, its two parameters less so.
    assert found.r == pytest.approx(made.r, rel=0.15)
    assert found.alpha == pytest.approx(made.alpha, rel=0.15)
    assert found.a / (found.a + found.b) == pytest.approx(made.a / (made.a + made.b), rel=0.15)
    assert found.log_likelihoods(histories).sum() >= made.log_likelihoods(histories).sum()
    assert found.expected_orders(histories, 13.0).sum() == pytest.approx(later.sum(), rel=0.05)
    assert found.probability_of_order(histories, 13.0).sum() == pytest.approx((later > 0).sum(), rel=0.05)


def test_the_amounts_of_simulated_customers_are_found_again_in_every_currency() -> None:
    rng = np.random.default_rng(5)
    p, q, gamma = 4.0, 3.0, 20.0
    scales = rng.gamma(q, 1 / gamma, 8_000)
    orders = rng.integers(1, 12, 8_000).astype(np.float64)
    means = rng.gamma(p * orders, 1 / (scales * orders))
    for unit in (0.01, 1.0, 10_000.0):
        found = GammaGamma.fit(orders, means * unit)
        assert (found.p, found.q) == pytest.approx((p, q), rel=0.1)
        assert found.gamma == pytest.approx(gamma * unit, rel=0.15)


def test_frequent_customers_and_a_parameter_of_one_overflow_nothing() -> None:
    often = Histories(np.array([5_000.0, 300.0, 0.0]), np.array([520.0, 10.0, 0.0]), np.array([520.0, 520.0, 0.0]))
    for model in (CDNOW, BgNbd(0.9, 2.0, 1.0, 3.0), BgNbd(500.0, 3.0, 0.001, 900.0)):
        expected, some = model.expected_orders(often, 13.0), model.probability_of_order(often, 13.0)
        assert np.isfinite(expected).all()
        assert (expected >= 0).all()
        assert ((some >= 0) & (some <= 1)).all()


def test_longer_silence_makes_it_less_likely_that_somebody_is_still_there() -> None:
    silent = Histories(np.full(4, 10.0), np.array([50.0, 40.0, 20.0, 5.0]), np.full(4, 52.0))
    assert (np.diff(CDNOW.there(silent)) < 0).all()


def test_a_shop_without_amounts_fits_no_gamma_gamma() -> None:
    with pytest.raises(UserError, match="amount"):
        GammaGamma.fit(np.empty(0), np.empty(0))
