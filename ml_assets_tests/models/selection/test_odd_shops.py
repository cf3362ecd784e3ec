"""Odd shops go the whole way, from choosing methods to lists, and get sensible lists or a clear message."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from ml_assets.models.ranking.recommend import recommend
from ml_assets.models.training import fit_recommender
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop
from ml_assets_tests.models.studies import quick_settings, studied

FULL = {"effort": "full", "windows": 1, "search_seconds": 0}
LARGE = ("one customer with 2 M events",)
"""Combinations take long there and say nothing that single methods do not."""
ITEMS = 40


def lines(customers: np.ndarray, items: np.ndarray, ages: np.ndarray, orders: np.ndarray | None = None) -> pl.DataFrame:
    """Transactions, one of each row; an order is a customer's day unless told."""
    named = customers.astype(np.int64) * 1000 + ages if orders is None else orders
    return pl.DataFrame({"customer_id": customers, "item_id": items, "age": ages, "order_id": named}).select(
        pl.col("customer_id", "item_id").cast(pl.Int64),
        (pl.lit(END) - pl.duration(days=pl.col("age"))).alias("day"),
        (pl.lit(END) - pl.duration(days=pl.col("age"))).cast(pl.Datetime("us", "UTC")).alias("occurred_at"),
        pl.col("order_id").cast(pl.String),
        quantity=pl.lit(1.0),
        amount=pl.lit(2.0),
        event_type=pl.lit(None, dtype=pl.String),
        is_return=pl.lit(value=False),
    )


def every(customers: int, ages: range, items_of: Callable[[int, int], range]) -> pl.DataFrame:
    """Every customer buys some items on every of these days, told by customer and age."""
    rows = [(customer, item, age) for customer in range(customers) for age in ages for item in items_of(customer, age)]
    return lines(*np.array(rows).T)


def one_with_two_million_events() -> pl.DataFrame:
    rng, events = np.random.default_rng(1), 2_000_000
    orders = rng.integers(0, 20_000, events)
    lots = lines(np.full(events, 999), rng.integers(0, ITEMS, events) ** 2 // ITEMS, orders % 120, orders)
    return pl.concat([made_shop(), lots.match_to_schema(made_shop().schema)])


def one_item() -> pl.DataFrame:
    return every(50, range(0, 120, 9), lambda *_: range(1))


def more_items_than_customers() -> pl.DataFrame:
    rng = np.random.default_rng(2)
    return lines(rng.integers(0, 12, 6000), rng.integers(0, 3000, 6000), rng.integers(0, 120, 6000))


def alike() -> pl.DataFrame:
    return every(260, range(0, 120, 20), lambda *_: range(ITEMS))


def nobody_ever_buys_what_was_sold_before() -> pl.DataFrame:
    """Of each fortnight's new items one half of the customers buys the even ones, the other the odd."""
    return every(210, range(0, 112, 14), lambda customer, age: range(age * 2 + customer % 2, age * 2 + 28, 2))


def a_month_without_sales(last: bool) -> pl.DataFrame:
    shop, quiet = made_shop(260), (0, 32) if last else (25, 55)
    age = (pl.lit(END) - pl.col("day")).dt.total_days()
    return shop.filter(~age.is_between(*quiet))


SHOPS: dict[str, Callable[[], pl.DataFrame]] = {
    "one customer with 2 M events": one_with_two_million_events,
    "one customer": lambda: lines(np.zeros(24), np.arange(24) % 7, np.arange(24) * 5),
    "one item": one_item,
    "more items than customers": more_items_than_customers,
    "all alike": alike,
    "labels all zero": nobody_ever_buys_what_was_sold_before,
    "the last month without sales": lambda: a_month_without_sales(last=True),
    "an earlier month without sales": lambda: a_month_without_sales(last=False),
    "ids of 200 characters": lambda: made_shop().with_columns(
        pl.col("customer_id", "item_id").cast(pl.String).str.pad_start(200, "x")
    ),
}


@pytest.mark.parametrize("name", SHOPS)
def test_odd_shops_get_whole_lists(name: str) -> None:
    events = SHOPS[name]()
    ids = events["item_id"].unique().sort()
    items = catalogue(len(ids)).with_columns(item_id=ids)
    settings = quick_settings(**({} if name in LARGE else {"selection": FULL}))
    study = studied(events, items, settings)
    assert all(choice.reason.endswith(".") for choice in study.choices.values())
    settings = study.repeats.applied(settings)
    interactions = as_interactions(events)
    model = fit_recommender(interactions, items, study, settings.recommender)
    lists = recommend(
        dict.fromkeys(model.methods, model), interactions, items, as_of=END, settings=settings.recommender
    ).lists
    own = dict(interactions.group_by("customer_id").agg(pl.col("item_id").unique()).iter_rows())
    stored = settings.recommender.stored
    assert set(lists.filter(pl.col("placement") == "for_you")["customer_id"]) == set(own)
    for row in lists.iter_rows(named=True):
        shown, bought = row["item_ids"], set(own[row["customer_id"]])
        assert len(shown) == len(set(shown))
        assert np.isfinite(row["scores"]).all()
        assert row["scores"] == sorted(row["scores"], reverse=True)
        assert not set(shown) - set(ids)
        if row["placement"] == "discover" or not study.repeats.occur:
            assert not set(shown) & bought
            assert len(shown) == min(stored, len(ids) - len(bought))
        elif row["placement"] == "for_you":
            assert len(shown) == min(stored, len(ids))
        else:
            assert set(shown) <= bought


def test_days_after_all_events_are_a_shop_that_stands_still() -> None:
    study = studied(made_shop(), catalogue(), quick_settings(), through=date(2025, 6, 30))
    assert {choice.method for choice in study.choices.values()} <= {"personal_frequency", "popularity"}
    assert END + timedelta(days=300) < study.through
