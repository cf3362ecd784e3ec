"""Odd shops get a sensible value for every customer, or a clear message."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ml_assets.errors import UserError
from ml_assets.models.selection.promotion import decide_value
from ml_assets.models.value.contest import hold
from ml_assets.models.value.model import CustomerValueModel, plausibility
from ml_assets.models.value.window import spend_cap, window_between
from ml_assets_tests.features.lines import Line, day, line
from ml_assets_tests.models.value.made_shops import SEED, TODAY, made_shop, shop_with, train

WHALE = 1_000


def whale() -> list[Line]:
    return [*made_shop(), line(WHALE, 1, TODAY - 50, amount=10_000_000.0), line(WHALE, 1, TODAY - 210)]


def alike() -> list[Line]:
    return [line(customer, 1, number, amount=5.0) for customer in range(120) for number in range(4, TODAY, 7)]


def returned() -> list[Line]:
    return [*made_shop(), *(line(number, 1, TODAY - 10, amount=-500.0, returned=True) for number in range(1, 41))]


def ended() -> list[Line]:
    return [one for one in made_shop() if one[3] < day(120)]


ODD = {
    "one customer": [line(1, 1, 60), line(1, 1, 300)],
    "all alike": alike(),
    "returns only": [line(1, 1, 300, amount=-9.0, returned=True)],
    "more returned than bought": returned(),
    "one row of ten million": whale(),
    "a single day": [line(number, 1, TODAY) for number in range(300)],
    "no amounts": made_shop(amount=None),
    "nothing paid": made_shop(amount=0.0),
    "nobody came again": ended(),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_shops_get_finite_values_within_their_bounds(name: str, tmp_path: Path) -> None:
    shop = shop_with(*ODD[name])
    model = train(shop)
    value = model.predict(shop[0])
    assert value["expected_spend_90d"].is_finite().all()
    assert (value["expected_spend_90d"] >= 0).all()
    assert value["alive_probability"].is_between(0, 1).all()
    assert plausibility(shop[0], value, model.cap).is_given, plausibility(shop[0], value, model.cap).sentence
    loaded = CustomerValueModel.load(tmp_path, model.save(tmp_path))
    assert loaded.predict(shop[0]).equals(value)
    assert decide_value(model.card).promoted


def test_one_row_of_ten_million_changes_what_is_expected_of_nobody_else() -> None:
    usual, odd = shop_with(*made_shop()), shop_with(*whale())
    before, after = (train(shop).predict(shop[0]).filter(pl.col("customer_id") != WHALE) for shop in (usual, odd))
    total = before["expected_spend_90d"].sum()
    assert after["expected_spend_90d"].sum() == pytest.approx(total, rel=0.25)
    model = train(odd)
    assert model.predict(odd[0]).filter(pl.col("customer_id") == WHALE)["expected_spend_90d"][0] == pytest.approx(
        model.cap
    )
    assert model.cap < 1e5


def test_a_shop_whose_customers_are_all_alike_expects_the_same_of_each() -> None:
    shop = shop_with(*alike())
    value = train(shop).predict(shop[0])
    assert value["expected_spend_90d"].n_unique() == 1
    assert value["expected_spend_90d"][0] == pytest.approx(13 * 5.0, rel=0.1)
    assert value["alive_probability"][0] == pytest.approx(1.0)


def test_features_that_are_no_numbers_give_numbers() -> None:
    newest, past = shop_with(*made_shop())
    broken = newest.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(float("nan")).when(pl.int_range(pl.len()) == 1).then(float("inf"))
        .otherwise(pl.col("spend_90d")).alias("spend_90d"),
        pl.when(pl.int_range(pl.len()) > 2).then(pl.col("mean_gap_days")).alias("mean_gap_days"),
    )  # fmt: skip
    value = train((broken, past)).predict(broken)
    assert value["expected_spend_90d"].is_finite().all()
    assert value["alive_probability"].is_between(0, 1).all()


def test_nobody_to_value_is_told() -> None:
    newest, past = shop_with(*made_shop(3))
    with pytest.raises(UserError, match="no customers to value"):
        train((newest.clear(), past))


def test_the_cap_is_drawn_by_the_others() -> None:
    assert spend_cap(np.array([1.0, 2.0, 1e7])) == 20.0
    assert spend_cap(np.array([0.0, 5.0])) == float("inf")
    assert spend_cap(np.empty(0)) == float("inf")


def test_the_contest_judges_capped_spend() -> None:
    newest, past = shop_with(*whale())
    fitting, judging = window_between(past.half_year_ago, past.quarter_ago), window_between(past.quarter_ago, newest)
    cap = spend_cap(fitting.spend)
    judged = hold(fitting, judging, cap, seed=SEED).judged
    assert judged["naive"].mae < cap
