"""Customer features as windows over lines, as of a day."""

import math
from datetime import date
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ml_assets.features.customers import build_customer_features, in_pieces
from ml_assets_tests.features.lines import Line, day, journey, journey_items, line, lines
from ml_assets_tests.features.test_interactions import any_line

ITEMS = pl.LazyFrame(
    {"item_id": [7, 8, 9], "category": ["bread", "milk", None]}, schema={"item_id": pl.Int64, "category": pl.String}
)


def build(
    transactions: pl.LazyFrame,
    as_of: date,
    items: pl.LazyFrame | None = ITEMS,
    *,
    lookback_days: int = 400,
    weights: dict[str, float] | None = None,
) -> pl.DataFrame:
    plan = build_customer_features(transactions, items, as_of=as_of, lookback_days=lookback_days, weights=weights)
    return plan.collect()


def only(*rows: Line, as_of: int = 100, **options: Any) -> dict[str, Any]:
    """The features of the one customer of these lines."""
    return build(lines(*rows), day(as_of), **options).row(0, named=True)


@settings(max_examples=40)
@given(past=st.lists(any_line, max_size=25), later=st.lists(any_line, max_size=10), as_of=st.integers(0, 30))
def test_later_events_cannot_change_features(past: list[Line], later: list[Line], as_of: int) -> None:
    known = [row for row in past if row[3] <= day(as_of)]
    future = [row for row in later if row[3] > day(as_of)]
    assert_frame_equal(build(lines(*future, *known), day(as_of)), build(lines(*known), day(as_of)))


@settings(max_examples=40)
@given(rows=st.lists(any_line, max_size=25), random=st.randoms(use_true_random=False))
def test_the_order_of_the_lines_does_not_matter(rows: list[Line], random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert_frame_equal(build(lines(*rows), day(30)), build(lines(*shuffled), day(30)))


def test_recency_tenure_and_gap_count_days_back_from_the_day() -> None:
    features = only(line(1, 7, 10), line(1, 7, 40), line(1, 7, 70, hour=9), line(1, 7, 70, hour=11, order="b"))
    assert (features["recency_days"], features["tenure_days"]) == (30, 90)
    assert (features["first_day"], features["last_day"]) == (day(10), day(70))
    assert features["mean_gap_days"] == 30


def test_a_customer_of_one_shopping_day_has_no_gap() -> None:
    assert only(line(1, 7, 10), line(1, 8, 10, order="b"))["mean_gap_days"] is None


def test_windows_hold_the_newest_days_with_the_day_itself() -> None:
    rows = [line(1, 7, 400 - age, amount=10.0) for age in (0, 27, 28, 89, 90, 364, 365)]
    features = only(*rows, as_of=400, lookback_days=1000)
    assert [features[f"orders_{days}d"] for days in (28, 90, 365)] == [2, 4, 6]
    assert [features[f"spend_{days}d"] for days in (28, 90, 365)] == [20, 40, 60]
    assert features["orders"] == 7
    decayed = sum(10 * 2 ** (-age / 90) for age in (0, 27, 28, 89, 90, 364, 365))
    assert features["decayed_spend"] == pytest.approx(decayed, abs=1e-6)


def test_what_lies_before_the_lookback_does_not_count() -> None:
    assert build(lines(line(1, 7, 10)), day(100), lookback_days=90).is_empty()
    assert build(lines(line(1, 7, 11)), day(100), lookback_days=90).height == 1


def test_an_order_with_repeated_lines_is_one_order_and_one_purchase() -> None:
    features = only(line(1, 7, 99), line(1, 7, 99), line(1, 7, 99), line(1, 8, 99), line(1, 8, 98))
    assert features["orders"] == 2
    assert features["items_distinct"] == 2
    assert features["top_category"] == "milk"


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [(-1, -4.0), (1, 4.0)],
    ids=["negative line", "line of a return type with a positive amount"],
)
def test_returns_are_subtracted_from_spend_and_are_no_orders(quantity: float, amount: float) -> None:
    returned = line(1, 8, 100, quantity=quantity, amount=amount, returned=True)
    features = only(line(1, 7, 99, amount=10.0), returned)
    assert features["spend_28d"] == 6
    assert features["mean_order_value"] == 10
    assert (features["orders"], features["recency_days"], features["items_distinct"]) == (1, 1, 1)


def test_returns_are_subtracted_whatever_their_type_weighs() -> None:
    returned = line(1, 8, 100, amount=4.0, kind="refund", returned=True)
    assert only(line(1, 7, 99, amount=10.0), returned, weights={"refund": 0})["spend_28d"] == 6


def test_a_customer_with_returns_only_is_kept_and_dated_by_them() -> None:
    features = only(line(1, 7, 90, quantity=-1, amount=-3.0, returned=True))
    assert (features["orders"], features["spend_28d"], features["recency_days"]) == (0, -3, 10)
    assert features["mean_order_value"] is None
    assert features["items_distinct"] == 0


def test_a_shop_without_amounts_gets_its_quantities_as_spend() -> None:
    rows = (line(1, 7, 99, quantity=3, amount=None), line(1, 8, 98, quantity=2, amount=None))
    assert only(*rows)["spend_28d"] == 5
    assert in_pieces(build(lines(*rows), day(100)))
    with_one = build(lines(*rows, line(2, 7, 99, amount=1.0)), day(100))
    assert with_one["spend_28d"].to_list() == [0, 1]
    assert not in_pieces(with_one)


def test_interest_is_no_order_but_a_sign_of_life() -> None:
    view, click = line(1, 8, 100, amount=5.0, kind="view"), line(1, 8, 100, kind="click")
    weights = {"view": 0.1, "click": 0}
    features = only(line(1, 7, 50, kind="purchase"), view, click, weights=weights)
    assert (features["orders"], features["recency_days"], features["items_distinct"]) == (1, 50, 1)
    assert features["spend_90d"] == 1
    assert only(view, weights=weights)["orders"] == 0
    assert build(lines(click), day(100), weights=weights).is_empty()


def test_diversity_is_the_number_of_equally_used_categories() -> None:
    features = only(line(1, 7, 90), line(1, 8, 91), line(1, 8, 92), line(1, 9, 93), line(1, 99, 94))
    shares = (1 / 3, 2 / 3)
    assert features["categories_distinct"] == 2
    assert features["category_diversity"] == pytest.approx(math.exp(-sum(p * math.log(p) for p in shares)), abs=1e-6)
    assert features["top_category"] == "milk"


def test_without_categories_the_columns_are_null() -> None:
    features = only(line(1, 9, 90), items=None)
    assert (features["categories_distinct"], features["category_diversity"], features["top_category"]) == (None,) * 3


def test_text_ids_and_empty_input_keep_the_schema() -> None:
    full = build(lines(line("Ann", "ball", 1), ids=pl.String), day(2), None)
    empty = build(lines(ids=pl.String), day(2), None)
    assert full["customer_id"].to_list() == ["Ann"]
    assert empty.schema == full.schema
    assert empty.is_empty()


def test_the_real_shop_agrees_with_its_lines() -> None:
    as_of = date(2017, 11, 30)
    history = journey().filter(pl.col("day") <= as_of)
    features = build(journey().lazy(), as_of, journey_items().lazy())
    assert features.height == history["customer_id"].n_unique()
    assert features["orders"].sum() == history["order_id"].n_unique()
    assert features["spend_365d"].sum() == pytest.approx(history["amount"].sum())
    assert features.null_count().row(0, named=True)["top_category"] == 0
