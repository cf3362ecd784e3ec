"""Off-policy estimates, held against a made-up shop in which it is known what each list is worth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pytest

from ml_assets.experiments.off_policy import estimate, predicted_rewards
from ml_assets.models.kernels.exploring import explore

K, STORED, CUSTOMERS, DAYS, EPSILON = 6, 12, 250, 3, 0.3
EVERYBODY = 5_000
"""Of whom the customers of each run are drawn."""
LISTS = CUSTOMERS * DAYS
RUNS = 1_000
METHODS = ("ips", "self_normalised", "doubly_robust")


@dataclass(frozen=True)
class Shop:
    """Everybody x stored items: the champion ranks them 0, 1, 2 ..."""

    bought_if_shown: Any
    bought_anyway: Any
    other: Any
    """The first K items that another method ranks, of each customer."""

    @property
    def worth(self) -> float:
        return float(np.take_along_axis(self.bought_if_shown, self.other, axis=1).sum(axis=1).mean())

    @property
    def worth_of_shown(self) -> float:
        drawn = K // 2 * EPSILON / (STORED - K)
        return float((self.bought_if_shown @ np.array([1.0] * 3 + [1 - EPSILON] * 3 + [drawn] * 6)).mean())


@pytest.fixture(scope="module")
def shop() -> Shop:
    rng = np.random.default_rng(11)
    eager = rng.uniform(0.3, 1.7, (EVERYBODY, 1))
    # Items behind the list are better than those in its lower half: worth finding out.
    shown = eager * np.array([0.3, 0.25, 0.2, 0.05, 0.05, 0.05, 0.2, 0.15, 0.15, 0.1, 0.1, 0.02])
    other = np.argsort(rng.normal(-shown, 0.05), axis=1)[:, :K]
    return Shop(shown, shown * 0.4, other)


def logged(shop: Shop, run: int, epsilon: float = EPSILON) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is known after some days of exploring: `lists` and `items` as `estimate` takes them."""
    rng = np.random.default_rng(run)
    items = np.tile(np.arange(STORED, dtype=np.int32), (LISTS, 1))
    tiers, propensities = np.zeros((LISTS, STORED), np.int8), np.zeros((LISTS, STORED), np.float32)
    seeds = rng.integers(0, 2**64, LISTS, dtype=np.uint64)
    groups, most = np.full((1, STORED), -1, np.int32), np.ones(1, np.int32)
    counts = np.full(LISTS, STORED, np.int32)
    explore(0, LISTS, seeds, epsilon, K, groups, most, items, tiers, counts, propensities)
    customer = np.arange(LISTS) // DAYS
    is_shown = np.zeros((LISTS, STORED), bool)
    np.put_along_axis(is_shown, items[:, :K].astype(np.int64), values=True, axis=1)
    who = rng.integers(0, EVERYBODY, CUSTOMERS)[customer]
    likely = np.where(is_shown, shop.bought_if_shown[who], shop.bought_anyway[who])
    bought = rng.random((LISTS, STORED)) < likely
    of_item = np.zeros((LISTS, STORED))
    np.put_along_axis(of_item, items.astype(np.int64), propensities.astype(np.float64), axis=1)
    lists = pl.DataFrame({"customer": customer, "bought": (is_shown & bought).sum(axis=1)})
    where, what = np.nonzero(is_shown)
    seen = long(customer[where], what).with_columns(bought=pl.Series(bought[where, what]))
    other = shop.other[who]
    rows = np.repeat(np.arange(LISTS), K)
    asked = long(customer[rows], other.ravel())
    return lists, asked.with_columns(
        list=pl.Series(rows),
        propensity=pl.Series(of_item[rows, other.ravel()]),
        is_shown=pl.Series(is_shown[rows, other.ravel()]),
        bought=pl.Series(bought[rows, other.ravel()]),
        predicted=predicted_rewards(seen, asked),
    )


def long(customers: Any, items: Any) -> pl.DataFrame:
    return pl.DataFrame({"customer": customers, "source": ["popular"] * len(items), "item_id": items})


def test_estimates_are_on_average_what_the_other_list_is_worth_and_intervals_hold_it(shop: Shop) -> None:
    found = [estimate(*logged(shop, run)) for run in range(RUNS)]
    for method in METHODS:
        values = [getattr(one, method) for one in found]
        estimates = np.array([value.worth.estimate for value in values])
        # Four standard errors of the mean over the runs.
        assert abs(estimates.mean() - shop.worth) < 4 * estimates.std() / RUNS**0.5
        differences = np.array([value.difference.estimate for value in values])
        assert np.allclose(estimates - differences, [one.shown.estimate for one in found])
        for truth, intervals in (
            (shop.worth, [value.worth for value in values]),
            (shop.worth - shop.worth_of_shown, [value.difference for value in values]),
        ):
            coverage = np.mean([one.low <= truth <= one.high for one in intervals])
            assert 0.93 < coverage < 0.97
    # What was bought of the shown lists is not what the other list is worth: the estimates say more than that.
    assert abs(shop.worth_of_shown - shop.worth) > 0.1
    errors = {name: np.std([getattr(one, name).worth.estimate for one in found]) for name in METHODS}
    assert errors["doubly_robust"] < errors["ips"]


def test_a_wrong_prediction_makes_a_doubly_robust_estimate_wide_and_not_wrong(shop: Shop) -> None:
    estimates = []
    for run in range(300):
        lists, items = logged(shop, run)
        estimates.append(estimate(lists, items.with_columns(predicted=pl.lit(0.9))).doubly_robust.worth.estimate)
    assert abs(np.mean(estimates) - shop.worth) < 4 * np.std(estimates) / 300**0.5


def test_a_list_that_is_the_one_shown_is_worth_what_it_brought() -> None:
    lists = pl.DataFrame({"customer": [0, 0, 1, 2], "bought": [1, 0, 2, 0]})
    items = pl.DataFrame(
        {
            "list": [0, 0, 1, 1, 2, 2, 3, 3],
            "propensity": [1.0] * 8,
            "is_shown": [True] * 8,
            "bought": [True, False, False, False, True, True, False, False],
            "predicted": [0.5] * 8,
        }
    )
    found = estimate(lists, items)
    for one in found.by_method.values():
        assert one.worth == found.shown
        assert one.difference.estimate == one.difference.low == one.difference.high == 0
    assert (found.shown.estimate, found.effective_items, found.items, found.customers) == (0.75, 8, 8, 3)


def test_rarely_shown_items_leave_few_that_tell(shop: Shop) -> None:
    often, seldom = (estimate(*logged(shop, 1, epsilon)) for epsilon in (0.4, 0.02))
    assert seldom.effective_items < often.effective_items / 3 < often.items / 3
    width = [one.ips.worth.high - one.ips.worth.low for one in (often, seldom)]
    assert width[1] > 2 * width[0]


def test_nobody_is_predicted_from_what_they_bought_themselves() -> None:
    shown = pl.DataFrame(
        {"customer": [0, 1, 2, 3], "source": ["a"] * 4, "item_id": [7] * 4, "bought": [True, False, False, False]}
    )
    asked = pl.DataFrame({"customer": [0, 1, 1], "source": ["a", "a", "b"], "item_id": [7, 7, 8]})
    own, other, unknown = predicted_rewards(shown, asked)
    assert own < other
    # Of a source that nobody was shown, the mean of all.
    assert unknown == 0.25


def test_one_customer_alone_says_nothing_for_sure() -> None:
    lists = pl.DataFrame({"customer": [4], "bought": [1]})
    items = pl.DataFrame({"list": [0], "propensity": [0.5], "is_shown": [False], "bought": [True], "predicted": [0.25]})
    found = estimate(lists, items)
    assert found.ips.worth.estimate == 0
    assert found.self_normalised.worth.estimate == 0
    assert found.doubly_robust.worth.estimate == 0.25
    assert found.ips.worth.high == float("inf")
    assert found.effective_items == 0
