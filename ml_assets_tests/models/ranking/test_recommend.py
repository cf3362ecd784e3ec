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
from ml_assets.models.placements import PLACEMENTS
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.related import popular_items, similar_items
from ml_assets.settings.recommender import RecommenderSettings
from ml_assets_tests.models import studies
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop, purchases_of
from ml_assets_tests.models.ranking.trained import SETTINGS, assert_sound, lists_as_of_end, row_of, train

EVENTS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(0, 200)), min_size=1, max_size=40, unique=True
)


@given(EVENTS, st.integers(1, 3))
@hypothesis_settings(max_examples=40)
def test_lists_of_any_shop_are_dense_without_repeats_and_truthful(
    events: list[tuple[int, int, int]], min_orders: int
) -> None:
    rows = [(customer, item, age, age) for customer, item, age in events]
    interactions = purchases_of(*rows)
    settings = SETTINGS.model_copy(update={"min_orders": min_orders, "stored": 6})
    lists = lists_as_of_end(interactions, settings)
    # Customers with few orders get popular items only, none of which may be their own.
    lists = lists.filter((pl.col("placement") != "buy_again") | (min_orders == 1))
    if min_orders == 1:
        assert_sound(lists, interactions, set(interactions["item_id"]), 6)


def test_a_larger_shop_keeps_the_same_promises() -> None:
    interactions = as_interactions(made_shop())
    lists = lists_as_of_end(interactions)
    assert_sound(lists, interactions, set(range(40)), 10)
    assert set(lists["sources"].explode()) >= {"personal", "collaborative"}
    by_neighbours = lists_as_of_end(interactions, methods=studies.METHODS | {"discover": "user_knn"})
    assert "neighbours" in by_neighbours["sources"].explode()


def test_a_tiny_shop_gets_all_its_items() -> None:
    interactions = as_interactions(made_shop(customers=5, items=8))
    settings = RecommenderSettings()
    model = studies.train(interactions, catalogue(8), settings)
    lists = studies.lists_of(model, interactions, catalogue(8), settings)
    assert_sound(lists, interactions, set(interactions["item_id"]), 60)
    popular = popular_items(interactions, catalogue(8), as_of=END, settings=settings)
    assert popular["scope"].to_list() == ["all"]
    assert set(popular["item_ids"][0]) == set(interactions["item_id"])
    similar = similar_items(model, catalogue(8), settings)
    assert similar.height > 0, "two buyers in common are enough in so small a shop"
    without_food = settings.model_copy(update={"exclude_categories": ["food"]})
    assert similar_items(model, catalogue(8), without_food).height < similar.height


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


@pytest.mark.parametrize("methods", [studies.METHODS, dict.fromkeys(PLACEMENTS, "item_knn")], ids=["some", "item-knn"])
@pytest.mark.parametrize("as_text", [False, True])
def test_a_model_gives_the_same_lists_after_a_round_trip_through_its_folder(
    tmp_path: Path, as_text: bool, methods: dict[str, str]
) -> None:
    interactions, items = as_interactions(made_shop()), catalogue()
    if as_text:
        interactions, items = (frame.cast({"item_id": pl.String}) for frame in (interactions, items))
    model = studies.train(interactions, items, SETTINGS, methods | {"discover": "factorisation"})
    checksum = model.save(tmp_path)
    again = RecommenderModel.load(tmp_path, checksum)
    one, two = (studies.lists_of(each, interactions, items, SETTINGS) for each in (model, again))
    assert one.equals(two)
    assert similar_items(model, items, SETTINGS).equals(similar_items(again, items, SETTINGS))


def test_a_stored_model_knows_no_customer(tmp_path: Path) -> None:
    interactions = as_interactions(made_shop()).with_columns(
        ("secret-" + pl.col("customer_id").cast(pl.String)).alias("customer_id")
    )
    train(interactions).save(tmp_path)
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())
    with np.load(next(tmp_path.glob("*.npz")), allow_pickle=False) as arrays:
        assert all(name.split(".")[0] in ("sources", "similar") for name in arrays)


def test_training_twice_gives_the_same_model_and_version(tmp_path: Path) -> None:
    interactions = as_interactions(made_shop())
    one, two = train(interactions), train(interactions.sample(fraction=1, shuffle=True, seed=2))
    assert one.card.version == two.card.version
    for name, array in one.sources.arrays().items():
        np.testing.assert_array_equal(array, two.sources.arrays()[name])


def test_later_events_change_neither_model_nor_lists() -> None:
    transactions, day = made_shop(), END - timedelta(days=20)
    before = as_interactions(transactions.filter(pl.col("day") <= day), day)
    later = as_interactions(transactions, END)
    models = [studies.train(frame, catalogue(), SETTINGS, through=day) for frame in (before, later)]
    lists = [
        studies.lists_of(model, frame, catalogue(), SETTINGS, as_of=day)
        for model, frame in zip(models, (before, later), strict=True)
    ]
    assert lists[0].equals(lists[1])
    for name, array in models[0].sources.arrays().items():
        np.testing.assert_array_equal(array, models[1].sources.arrays()[name])


def test_the_rows_of_some_customers_are_their_rows_of_the_whole() -> None:
    interactions = as_interactions(made_shop())
    model, some = train(interactions), [3, 41, 999]
    whole = studies.lists_of(model, interactions, catalogue(), SETTINGS)
    part = studies.lists_of(model, interactions, catalogue(), SETTINGS, customers=some)
    assert part.equals(whole.filter(pl.col("customer_id").is_in(some)))
    assert part.height == 6
    assert studies.lists_of(model, interactions, catalogue(), SETTINGS, customers=[999]).is_empty()


def test_an_item_new_since_training_reaches_the_lists_of_its_buyers() -> None:
    old = as_interactions(made_shop())
    model = train(old)
    new = pl.concat([old, purchases_of((3, 777, 0, 0))])
    lists = studies.lists_of(model, new, catalogue(), SETTINGS)
    assert 777 in row_of(lists, 3, "for_you")["item_ids"]


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
def test_repeats_say_how_the_customer_bought_them(rows: list[tuple[int, int, int, int]], code: str) -> None:
    lists = lists_as_of_end(purchases_of(*rows))
    assert lists.row(0, named=True)["reason_codes"] == [code]
    assert lists.row(0, named=True)["reason_items"] == [[5]], "the item itself is why it is there"


def test_mere_interest_is_not_called_a_purchase_and_stays_new() -> None:
    lists = lists_as_of_end(pl.concat([purchases_of((1, 5, 2, 0), weight=0.1), purchases_of((2, 6, 2, 0))]))
    assert set(row_of(lists, 1, "discover")["item_ids"]) == {5, 6}
    assert "buy_again" not in lists.filter(customer_id=1)["placement"]
    assert not {"bought_often", "bought_recently", "bought_before"} & set(row_of(lists, 1, "for_you")["reason_codes"])


def test_training_without_purchases_says_what_to_do() -> None:
    with pytest.raises(UserError, match="no purchases up to 2024-06-30"):
        train(purchases_of())


def test_no_purchases_as_of_a_day_give_no_rows() -> None:
    model = train(as_interactions(made_shop()))
    lists = studies.lists_of(model, purchases_of(), catalogue(), SETTINGS)
    assert lists.is_empty()
    assert lists.schema["item_ids"] == pl.List(pl.Int64)
    assert popular_items(purchases_of(), catalogue(), as_of=END, settings=SETTINGS)["item_ids"].to_list() == [[]]
