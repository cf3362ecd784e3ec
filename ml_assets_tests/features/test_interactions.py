"""Interactions: one purchase per customer, item and order, as of a day."""

from datetime import date, datetime
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ml_assets.features.interactions import build_interactions
from ml_assets_tests.features.lines import Line, day, journey, line, lines

SCHEMA = {
    "customer_id": pl.Int64,
    "item_id": pl.Int64,
    "order_day": pl.Date,
    "orders_ago": pl.UInt32,
    "quantity": pl.Float64,
    "amount": pl.Float64,
    "weight": pl.Float32,
}


def build(
    transactions: pl.LazyFrame, as_of: date, *, lookback_days: int = 400, weights: dict[str, float] | None = None
) -> pl.DataFrame:
    plan = build_interactions(transactions, as_of=as_of, lookback_days=lookback_days, weights=weights or {})
    return plan.collect()


any_line = st.builds(
    line,
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(0, 30),
    hour=st.integers(0, 23),
    amount=st.one_of(st.none(), st.integers(0, 999).map(lambda cents: cents / 100)),
    order=st.sampled_from([None, "a", "b"]),
    returned=st.booleans(),
)


@settings(max_examples=40)
@given(past=st.lists(any_line, max_size=25), later=st.lists(any_line, max_size=10), as_of=st.integers(0, 30))
def test_later_events_cannot_change_interactions(past: list[Line], later: list[Line], as_of: int) -> None:
    known = [row for row in past if row[3] <= day(as_of)]
    future = [row for row in later if row[3] > day(as_of)]
    assert_frame_equal(build(lines(*future, *known), day(as_of)), build(lines(*known), day(as_of)))


@settings(max_examples=40)
@given(rows=st.lists(any_line, max_size=25), random=st.randoms(use_true_random=False))
def test_the_order_of_the_lines_does_not_matter(rows: list[Line], random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert_frame_equal(build(lines(*rows), day(30)), build(lines(*shuffled), day(30)))


@settings(max_examples=40)
@given(rows=st.lists(any_line, max_size=25))
def test_interactions_equal_a_plain_definition(rows: list[Line]) -> None:
    bought = [row for row in rows if not row[8]]
    newest: dict[Line, datetime] = {}
    for customer, _, at, on, _, _, order, *_ in bought:
        key = (customer, on, order or "")
        newest[key] = max(at, newest.get(key, at))
    purchases: dict[Line, tuple[list[float], list[float]]] = {}
    for customer, item, _, on, quantity, amount, order, *_ in bought:
        key = (customer, on, order or "")
        later = [k for k, at in newest.items() if k[0] == customer and (k[1], at, k[2]) > (on, newest[key], key[2])]
        quantities, amounts = purchases.setdefault((customer, item, on, len(later)), ([], []))
        quantities.append(quantity)
        amounts += [] if amount is None else [amount]
    expected = [
        (*key, float(sum(quantities)), round(sum(amounts), 6) if amounts else None, 1.0)
        for key, (quantities, amounts) in purchases.items()
    ]
    frame = pl.DataFrame(expected, schema=SCHEMA, orient="row").sort("customer_id", "item_id", "orders_ago")
    assert_frame_equal(build(lines(*rows), day(30)), frame)


def test_the_lookback_is_bounded_and_counts_the_day_itself() -> None:
    transactions = lines(*(line(1, 10 + number, number) for number in range(10)))
    assert build(transactions, day(8), lookback_days=3)["order_day"].to_list() == [day(6), day(7), day(8)]


def test_a_lookback_of_no_days_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        build(lines(), day(0), lookback_days=0)


def test_repeated_lines_of_an_item_in_an_order_are_one_purchase() -> None:
    result = build(
        lines(
            line(1, 7, 3, quantity=2, amount=0.1, order="x"),
            line(1, 7, 3, quantity=1, amount=0.2, order="x"),
            line(1, 7, 3, hour=18, order="y", amount=None),
        ),
        day(3),
    )
    assert result.select("orders_ago", "quantity", "amount").rows() == [(0, 1.0, None), (1, 3.0, 0.3)]


def test_without_order_ids_an_order_is_a_customers_day() -> None:
    result = build(lines(line(1, 7, 1, hour=8), line(1, 7, 1, hour=20), line(1, 8, 2), line(2, 8, 2)), day(5))
    assert result.select("customer_id", "item_id", "orders_ago", "quantity").rows() == [
        (1, 7, 1, 2.0),
        (1, 8, 0, 1.0),
        (2, 8, 0, 1.0),
    ]


def test_an_order_id_used_again_on_another_day_is_another_order() -> None:
    result = build(lines(line(1, 7, 1, order="0001"), line(1, 7, 9, order="0001")), day(9))
    assert result["orders_ago"].to_list() == [0, 1]


def test_text_ids_work() -> None:
    result = build(lines(line("Ann", "ball", 1), line("Bob", "ball", 2), ids=pl.String), day(2))
    assert result["customer_id"].to_list() == ["Ann", "Bob"]
    assert result.schema["item_id"] == pl.String


def test_returns_never_appear_and_make_no_order() -> None:
    result = build(lines(line(1, 7, 1), line(1, 7, 2, quantity=-1, amount=-1, returned=True)), day(5))
    assert result.select("orders_ago", "quantity").rows() == [(0, 1.0)]


def test_a_purchase_takes_the_largest_weight_of_its_lines_and_weight_zero_drops_the_line() -> None:
    result = build(
        lines(
            line(1, 7, 1, kind="view"),
            line(1, 7, 1, kind="purchase"),
            line(1, 8, 1, kind="view"),
            line(1, 9, 1, kind="click"),
            line(1, 10, 1, kind="unheard of"),
            line(1, 11, 1),
        ),
        day(1),
        weights={"view": 0.25, "click": 0},
    )
    assert result.select("item_id", "weight").rows() == [(7, 1.0), (8, 0.25), (10, 1.0), (11, 1.0)]


def test_dropped_lines_do_not_age_the_orders() -> None:
    result = build(lines(line(1, 7, 1), line(1, 7, 2, kind="click")), day(2), weights={"click": 0})
    assert result["orders_ago"].to_list() == [0]


def test_no_lines_give_an_empty_frame_of_the_same_schema() -> None:
    assert dict(build(lines(), day(0)).schema) == SCHEMA
    assert build(lines(), day(0)).is_empty()


def test_the_real_shop_gives_one_row_per_customer_item_and_basket() -> None:
    as_of = date(2017, 11, 30)
    history = journey().filter(pl.col("day") <= as_of)
    result = build_interactions(journey().lazy(), as_of=as_of, lookback_days=400, weights={}).collect()
    assert result.height == history.select("customer_id", "item_id", "order_id").unique().height
    assert result["amount"].sum() == pytest.approx(history["amount"].sum())
    orders = result.group_by("customer_id").agg(pl.col("orders_ago").max() + 1).sort("customer_id")
    baskets = history.group_by("customer_id").agg(pl.col("order_id").n_unique()).sort("customer_id")
    assert orders["orders_ago"].to_list() == baskets["order_id"].to_list()
