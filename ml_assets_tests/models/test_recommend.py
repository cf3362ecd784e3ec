"""The published lists: what every shop may rely on."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ml_assets.errors import UserError
from ml_assets.models.recommenders.candidates import SOURCES
from ml_assets.models.recommenders.model import RecommenderModel
from ml_assets.models.recommenders.reasons import REASONS
from ml_assets.models.recommenders.recommend import recommend
from ml_assets.models.recommenders.related import popular_items, similar_items
from ml_assets.models.recommenders.training import train_recommender
from ml_assets.settings.recommender import RecommenderSettings
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop, purchases_of

SETTINGS = RecommenderSettings(k=5, stored=10, min_item_buyers=2, neighbours=10)


def train(interactions: pl.DataFrame, settings: RecommenderSettings = SETTINGS) -> RecommenderModel:
    return train_recommender(interactions, catalogue(), trained_through=END, settings=settings)


def lists_as_of_end(
    interactions: pl.DataFrame, settings: RecommenderSettings = SETTINGS, items: pl.DataFrame | None = None
) -> pl.DataFrame:
    items = catalogue() if items is None else items
    model = train_recommender(interactions, items, trained_through=END, settings=settings)
    return recommend(model, interactions, items, as_of=END, settings=settings)


def assert_sound(lists: pl.DataFrame, interactions: pl.DataFrame, eligible: set[object], stored: int) -> None:
    """What holds for every list of every shop."""
    bought = dict(interactions.group_by("customer_id").agg(pl.col("item_id").unique()).iter_rows())
    assert sorted(lists.select("customer_id", "placement").rows()) == sorted(
        (customer, placement)
        for customer in bought
        for placement in ("for_you", "discover")
        # Who has bought everything there is has nothing to discover, and no row.
        if (eligible if placement == "for_you" else eligible - set(bought[customer]))
    )
    for row in lists.iter_rows(named=True):
        ids, own = row["item_ids"], set(bought[row["customer_id"]])
        allowed = eligible if row["placement"] == "for_you" else eligible - own
        assert len(ids) == len(set(ids)) == min(stored, len(allowed))
        assert set(ids) <= allowed
        assert {len(row[name]) for name in ("scores", "sources", "reason_codes", "reason_items")} == {len(ids)}
        assert row["scores"] == sorted(row["scores"], reverse=True)
        assert all(np.isfinite(row["scores"]))
        assert all(score > 0 for score in row["scores"])
        assert set(row["sources"]) <= set(SOURCES)
        assert set(row["reason_codes"]) <= set(REASONS)
        for code, because in zip(row["reason_codes"], row["reason_items"], strict=True):
            assert len(because) <= 2
            assert set(because) <= own
            assert bool(because) == (code == "because_you_bought")


EVENTS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(0, 200)), min_size=1, max_size=40, unique=True
)


@given(EVENTS, st.integers(1, 3))
@hypothesis_settings(deadline=None, max_examples=40)
def test_lists_of_any_shop_are_dense_without_repeats_and_truthful(events, min_orders) -> None:
    rows = [(customer, item, age, age) for customer, item, age in events]
    interactions = purchases_of(*rows)
    settings = SETTINGS.model_copy(update={"min_orders": min_orders, "stored": 6})
    lists = lists_as_of_end(interactions, settings)
    assert_sound(lists, interactions, set(interactions["item_id"]), 6)


def test_a_larger_shop_keeps_the_same_promises() -> None:
    interactions = as_interactions(made_shop())
    lists = lists_as_of_end(interactions)
    assert_sound(lists, interactions, set(range(40)), 10)
    assert set(lists["sources"].explode()) >= {"personal", "neighbours", "collaborative"}


def test_a_tiny_shop_gets_all_its_items() -> None:
    interactions = as_interactions(made_shop(customers=5, items=8))
    settings = RecommenderSettings()
    model = train_recommender(interactions, catalogue(8), trained_through=END, settings=settings)
    lists = recommend(model, interactions, catalogue(8), as_of=END, settings=settings)
    assert_sound(lists, interactions, set(interactions["item_id"]), 60)
    popular = popular_items(interactions, catalogue(8), as_of=END, days=28, k=20)
    assert popular["scope"].to_list() == ["all"]
    assert set(popular["item_ids"][0]) == set(interactions["item_id"])
    similar = similar_items(model, catalogue(8), 5)
    assert similar.height > 0, "two buyers in common are enough in so small a shop"
    assert similar_items(model, catalogue(8), 5, ["food"]).height < similar.height


def test_text_ids_give_the_same_lists() -> None:
    def text(name: str) -> pl.Expr:
        return (pl.lit(name[0]) + pl.col(name).cast(pl.String).str.zfill(4)).alias(name)

    interactions = as_interactions(made_shop())
    texts = interactions.with_columns(text("customer_id"), text("item_id"))
    one = lists_as_of_end(interactions)
    two = lists_as_of_end(texts, items=catalogue().with_columns(text("item_id")))
    assert two.schema["reason_items"] == pl.List(pl.List(pl.String))
    assert one["item_ids"].list.eval(pl.lit("i") + pl.element().cast(pl.String).str.zfill(4)).to_list() == (
        two["item_ids"].to_list()
    )


@pytest.mark.parametrize("as_text", [False, True])
def test_a_model_gives_the_same_lists_after_a_round_trip_through_its_folder(tmp_path: Path, as_text) -> None:
    interactions, items = as_interactions(made_shop()), catalogue()
    if as_text:
        interactions, items = (frame.cast({"item_id": pl.String}) for frame in (interactions, items))
    model = train_recommender(interactions, items, trained_through=END, settings=SETTINGS)
    checksum = model.save(tmp_path)
    again = RecommenderModel.load(tmp_path, checksum)
    one, two = (recommend(each, interactions, items, as_of=END, settings=SETTINGS) for each in (model, again))
    assert one.equals(two)
    assert similar_items(model, items, 5).equals(similar_items(again, items, 5))


def test_a_stored_model_knows_no_customer(tmp_path: Path) -> None:
    interactions = as_interactions(made_shop()).with_columns(
        ("secret-" + pl.col("customer_id").cast(pl.String)).alias("customer_id")
    )
    train(interactions).save(tmp_path)
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())
    with np.load(next(tmp_path.glob("*.npz")), allow_pickle=False) as arrays:
        assert all(name.split("_")[0] in ("collaborative", "similar") for name in arrays)


def test_training_twice_gives_the_same_model_and_version(tmp_path: Path) -> None:
    interactions = as_interactions(made_shop())
    one, two = train(interactions), train(interactions.sample(fraction=1, shuffle=True, seed=2))
    assert one.card.version == two.card.version
    np.testing.assert_array_equal(one.collaborative.weights.data, two.collaborative.weights.data)


def test_later_events_change_neither_model_nor_lists() -> None:
    transactions, day = made_shop(), END - timedelta(days=20)
    before = as_interactions(transactions.filter(pl.col("day") <= day), day)
    later = as_interactions(transactions, END)
    models = [
        train_recommender(frame, catalogue(), trained_through=day, settings=SETTINGS) for frame in (before, later)
    ]
    lists = [
        recommend(model, frame, catalogue(), as_of=day, settings=SETTINGS)
        for model, frame in zip(models, (before, later), strict=True)
    ]
    assert lists[0].equals(lists[1])
    np.testing.assert_array_equal(models[0].collaborative.weights.data, models[1].collaborative.weights.data)


def test_the_rows_of_some_customers_are_their_rows_of_the_whole() -> None:
    interactions = as_interactions(made_shop())
    model, some = train(interactions), [3, 41, 999]
    whole = recommend(model, interactions, catalogue(), as_of=END, settings=SETTINGS)
    part = recommend(model, interactions, catalogue(), as_of=END, settings=SETTINGS, customers=some)
    assert part.equals(whole.filter(pl.col("customer_id").is_in(some)))
    assert part.height == 4
    assert recommend(model, interactions, catalogue(), as_of=END, settings=SETTINGS, customers=[999]).is_empty()


def test_excluded_categories_appear_in_no_list() -> None:
    interactions = as_interactions(made_shop())
    settings = SETTINGS.model_copy(update={"exclude_categories": ["drinks"]})
    model = train(interactions, settings)
    lists = recommend(model, interactions, catalogue(), as_of=END, settings=settings)
    assert_sound(lists, interactions, set(range(0, 40, 2)), 10)
    because = lists["reason_items"].explode(empty_as_null=False).explode(empty_as_null=False)
    assert not {item % 2 for item in because} - {0}
    similar = similar_items(model, catalogue(), 5)
    assert not {item % 2 for item in [*similar["item_id"], *similar["item_ids"].explode()]} - {0}
    popular = popular_items(
        interactions, catalogue(), as_of=END, days=28, k=5, exclude_categories=settings.exclude_categories
    )
    assert not {item % 2 for item in popular["item_ids"].explode()} - {0}


def test_an_item_new_since_training_reaches_the_lists_of_its_buyers() -> None:
    old = as_interactions(made_shop())
    model = train(old)
    new = pl.concat([old, purchases_of((3, 777, 0, 0))])
    lists = recommend(model, new, catalogue(), as_of=END, settings=SETTINGS)
    mine = lists.row(by_predicate=(pl.col("customer_id") == 3) & (pl.col("placement") == "for_you"), named=True)
    assert 777 in mine["item_ids"]


def test_customers_with_few_orders_get_popular_items() -> None:
    interactions = as_interactions(made_shop())
    orders = dict(interactions.group_by("customer_id").agg(pl.col("orders_ago").max() + 1).iter_rows())
    lists = lists_as_of_end(interactions, SETTINGS.model_copy(update={"min_orders": 4}))
    for customer, sources in lists.filter(placement="for_you").select("customer_id", "sources").iter_rows():
        assert (set(sources) == {"popular"}) == (orders[customer] < 4)


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([(1, 5, age, age) for age in (10, 40, 80)], "bought_often"),
        ([(1, 5, 12, 0)], "bought_recently"),
        ([(1, 5, 300, 0)], "bought_before"),
    ],
)
def test_repeats_say_how_the_customer_bought_them(rows, code) -> None:
    lists = lists_as_of_end(purchases_of(*rows))
    assert lists.row(0, named=True)["reason_codes"] == [code]


def test_mere_interest_is_not_called_a_purchase_and_stays_new() -> None:
    lists = lists_as_of_end(pl.concat([purchases_of((1, 5, 2, 0), weight=0.1), purchases_of((2, 6, 2, 0))]))
    for_you = lists.row(by_predicate=(pl.col("customer_id") == 1) & (pl.col("placement") == "for_you"), named=True)
    discover = lists.row(by_predicate=(pl.col("customer_id") == 1) & (pl.col("placement") == "discover"), named=True)
    assert for_you["reason_codes"][0] == "looked_at"
    assert set(discover["item_ids"]) == {5, 6}


def test_training_without_purchases_says_what_to_do() -> None:
    with pytest.raises(UserError, match="no purchases up to 2024-06-30"):
        train(purchases_of())


def test_no_purchases_as_of_a_day_give_no_rows() -> None:
    model = train(as_interactions(made_shop()))
    lists = recommend(model, purchases_of(), catalogue(), as_of=END, settings=SETTINGS)
    assert lists.is_empty()
    assert lists.schema["item_ids"] == pl.List(pl.Int64)
    assert popular_items(purchases_of(), catalogue(), as_of=END, days=28, k=5)["item_ids"].to_list() == [[]]


def test_popular_items_rank_by_customers_of_the_window_in_the_shop_and_each_large_category() -> None:
    interactions = as_interactions(made_shop())
    popular = popular_items(interactions, catalogue(), as_of=END, days=28, k=7)
    assert popular["scope"].to_list() == ["all", "drinks", "food"]
    window = interactions.filter(pl.col("order_day") > END - timedelta(days=28))
    buyers = dict(window.group_by("item_id").agg(pl.col("customer_id").n_unique()).iter_rows())
    assert popular["scores"][0].to_list() == sorted(buyers.values(), reverse=True)[:7]
    assert [buyers[item] for item in popular["item_ids"][0]] == popular["scores"][0].to_list()


def test_views_make_no_item_popular() -> None:
    views = purchases_of(*((customer, 1, 1, 0) for customer in range(10)), weight=0.1)
    bought = purchases_of(*((customer, 2, 1, 0) for customer in range(20, 23)))
    popular = popular_items(pl.concat([views, bought]), catalogue(8), as_of=END, days=28, k=2)
    assert popular["item_ids"][0].to_list() == [2, 1]
    assert popular["scores"][0].to_list() == [3, 0]
