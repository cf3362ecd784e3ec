"""The contract of every recommender, and the formulas of some."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from pydantic import JsonValue

from ml_assets.errors import UserError
from ml_assets.methods import SOURCES, TIERS
from ml_assets.models.parameters import schema_of
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.registry import make_source, parameters_of
from ml_assets.settings.recommender import RecommenderSettings
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop, purchases_of
from ml_assets_tests.models.recommenders.made import lists_of, maker, scores_of, shop

every_recommender = pytest.mark.parametrize("make", [maker(name) for name in SOURCES], ids=SOURCES)


@every_recommender
def test_fitting_twice_gives_the_same_lists(make: Callable[[], Recommender]) -> None:
    purchases = shop()
    one, two = (lists_of(make().fit(purchases), purchases) for _ in range(2))
    np.testing.assert_array_equal(one.items, two.items)
    np.testing.assert_array_equal(one.scores, two.scores)


@every_recommender
def test_the_order_of_rows_does_not_matter(make: Callable[[], Recommender]) -> None:
    interactions = as_interactions(made_shop())
    shuffled = interactions.sample(fraction=1, shuffle=True, seed=1)
    one, two = (lists_of(make().fit(purchases), purchases) for purchases in (shop(interactions), shop(shuffled)))
    np.testing.assert_array_equal(one.items, two.items)


@every_recommender
def test_later_events_do_not_matter(make: Callable[[], Recommender]) -> None:
    transactions = made_shop()
    day = END - timedelta(days=30)
    earlier = as_interactions(transactions.filter(pl.col("day") <= day), day)
    one = shop(earlier, day)
    # The frame of a later day, whose orders are counted from that day.
    two = shop(as_interactions(transactions, END), day)
    np.testing.assert_array_equal(lists_of(make().fit(one), one).items, lists_of(make().fit(two), two).items)


@every_recommender
def test_text_ids_give_the_lists_of_integer_ids(make: Callable[[], Recommender]) -> None:
    interactions = as_interactions(made_shop())
    texts = interactions.with_columns(
        ("c" + pl.col("customer_id").cast(pl.String).str.zfill(5)).alias("customer_id"),
        ("i" + pl.col("item_id").cast(pl.String).str.zfill(5)).alias("item_id"),
    )
    ids = ("i" + pl.col("item_id").cast(pl.String).str.zfill(5)).alias("item_id")
    one, two = shop(interactions), shop(texts, items=catalogue().with_columns(ids))
    np.testing.assert_array_equal(lists_of(make().fit(one), one).items, lists_of(make().fit(two), two).items)


@every_recommender
def test_one_customer_with_one_purchase_is_enough(make: Callable[[], Recommender]) -> None:
    purchases = shop(purchases_of((1, 7, 3, 0)))
    assert np.isfinite(scores_of(make().fit(purchases), purchases)).all()


@every_recommender
def test_any_customers_have_the_rows_of_the_whole(make: Callable[[], Recommender]) -> None:
    purchases, some = shop(), np.array([3, 7, 8, 41, 59], np.int32)
    scores, eligible = make().fit(purchases).product(purchases), np.ones(len(purchases.items), np.bool_)
    whole = scores.block(np.arange(60, dtype=np.int32)).top(6, eligible=eligible)
    part = scores.block(some).top(6, eligible=eligible)
    np.testing.assert_array_equal(part.items, whole.items[some])
    np.testing.assert_array_equal(part.scores, whole.scores[some])


@every_recommender
def test_lists_are_the_best_positive_scores_that_are_allowed(make: Callable[[], Recommender]) -> None:
    purchases = shop()
    model = make().fit(purchases)
    eligible = np.arange(len(purchases.items)) % 7 != 0
    block = model.product(purchases).block(np.arange(len(purchases.customers), dtype=np.int32))
    lists = block.top(6, eligible=eligible, excluded=purchases.pairs)
    scores = np.where(eligible, scores_of(model, purchases), 0)
    scores[purchases.pairs.row_numbers(), purchases.pairs.indices] = 0
    best = -np.sort(-scores, axis=1)[:, :6]
    np.testing.assert_allclose(lists.scores, np.maximum(best, 0), rtol=1e-4, atol=1e-6)
    assert ((lists.items >= 0) == (best > 1e-9)).mean() > 0.999


@every_recommender
def test_guests_teach_as_customers_with_one_order_do_and_have_no_place_among_them(
    make: Callable[[], Recommender],
) -> None:
    visits = made_shop(customers=30, seed=5).filter(pl.col("order_id").str.ends_with("-0"))
    guests = as_interactions(pl.concat([made_shop(), visits.with_columns(customer_id=pl.lit(None, pl.Int64))]))
    named = guests.with_columns(
        customer_id=pl.coalesce("customer_id", 10_000 + pl.col("orders_ago").cast(pl.Int64)),
        orders_ago=pl.when(pl.col("customer_id").is_null()).then(0).otherwise("orders_ago").cast(pl.UInt32),
    )
    with_guests, with_customers = shop(guests), shop(named)
    known = with_guests.customers
    assert known.to_list() == list(range(60))
    assert with_guests.rows == len(with_customers.customers) == 90
    codes = np.arange(len(known), dtype=np.int32)
    lists = [
        make().fit(each).product(each).block(codes).top(8, eligible=np.ones(len(each.items), np.bool_))
        for each in (with_guests, with_customers)
    ]
    np.testing.assert_array_equal(lists[0].items, lists[1].items)
    np.testing.assert_array_equal(lists[0].scores, lists[1].scores)


@every_recommender
def test_what_was_learned_survives_its_arrays(make: Callable[[], Recommender]) -> None:
    purchases = shop()
    model = make().fit(purchases)
    again = make().restored(model.learned())
    np.testing.assert_array_equal(lists_of(again, purchases).items, lists_of(model, purchases).items)
    assert all(array.dtype != object for array in model.learned().values())


@pytest.mark.parametrize("name", SOURCES)
def test_rows_name_parameters_that_the_method_has(name: str) -> None:
    source, parameters = SOURCES[name], make_source(name, {}).parameters
    assert all(make_source(name, trial).parameters == {**parameters, **trial} for trial in source.grid)
    assert parameters.keys() >= source.preset.keys() | source.from_settings.keys()
    assert set(source.from_settings.values()) <= set(RecommenderSettings.model_fields)
    assert source.tier in TIERS


@every_recommender
def test_parameters_make_the_same_model_again(make: Callable[[], Recommender]) -> None:
    model = make()
    assert type(model)(**model.parameters).parameters == model.parameters


@pytest.mark.parametrize("name", SOURCES)
def test_every_parameter_is_described_and_its_values_are_bounded(name: str) -> None:
    for parameter, field in schema_of(type(make_source(name, {}))).model_fields.items():
        assert field.description, parameter
        with pytest.raises(UserError, match=rf"The parameter {parameter} of {name} is -1, but should be gr.*\. Train "):
            make_source(name, {parameter: -1})


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"days": 0}, "The parameter days of popularity is 0, but should be greater than or equal to 1."),
        ({"days": "7"}, "The parameter days of popularity is '7', but should be a valid integer."),
        ({"weeks": 4}, "popularity has no parameter weeks; its parameters are: days."),
    ],
)
def test_a_parameter_that_is_not_allowed_is_named(given: dict[str, JsonValue], problem: str) -> None:
    with pytest.raises(UserError) as error:
        make_source("popularity", given)
    assert error.value.problem == problem


def test_what_the_settings_give_to_a_method_is_mended_in_the_settings() -> None:
    with pytest.raises(UserError, match=r"The parameter seed of factorisation is 4294967296.*below `recommender`"):
        parameters_of(RecommenderSettings(seed=2**32), ["factorisation"])
