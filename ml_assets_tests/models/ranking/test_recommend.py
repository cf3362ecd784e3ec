"""The published lists: what every shop may rely on."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ml_assets.errors import UserError
from ml_assets.methods import TIERS
from ml_assets.models.placements import PLACEMENTS
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.reasons import REASONS
from ml_assets.models.ranking.recommend import recommend
from ml_assets.models.ranking.related import popular_items, similar_items
from ml_assets.settings.recommender import Placements, PlacementSettings, RecommenderSettings
from ml_assets_tests.models import studies
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop, purchases_of

SETTINGS = RecommenderSettings(k=5, stored=10, min_item_buyers=2)


def train(interactions: pl.DataFrame, settings: RecommenderSettings = SETTINGS, **more: Any) -> RecommenderModel:
    return studies.train(interactions, catalogue(), settings, **more)


def lists_as_of_end(
    interactions: pl.DataFrame,
    settings: RecommenderSettings = SETTINGS,
    items: pl.DataFrame | None = None,
    methods: dict[str, str] | None = None,
) -> pl.DataFrame:
    items = catalogue() if items is None else items
    model = studies.train(interactions, items, settings, methods)
    return studies.lists_of(model, interactions, items, settings)


def row_of(lists: pl.DataFrame, customer: int, placement: str) -> dict[str, Any]:
    return lists.row(by_predicate=(pl.col("customer_id") == customer) & (pl.col("placement") == placement), named=True)


def assert_sound(lists: pl.DataFrame, interactions: pl.DataFrame, eligible: set[object], stored: int) -> None:
    """What holds for every list of every shop."""
    bought = dict(interactions.group_by("customer_id").agg(pl.col("item_id").unique()).iter_rows())

    def allowed(customer: object, placement: str) -> set[object]:
        own = set(bought[customer])
        return {"for_you": eligible, "discover": eligible - own, "buy_again": eligible & own}[placement]

    assert sorted(lists.select("customer_id", "placement").rows()) == sorted(
        # Who has bought everything there is has nothing to discover, and no row.
        (customer, placement)
        for customer in bought
        for placement in PLACEMENTS
        if allowed(customer, placement)
    )
    for row in lists.iter_rows(named=True):
        ids, own = row["item_ids"], set(bought[row["customer_id"]])
        may = allowed(row["customer_id"], row["placement"])
        if row["placement"] != "buy_again":
            assert len(ids) == min(stored, len(may))
        assert len(ids) == len(set(ids)) <= stored
        assert set(ids) <= may
        assert {len(row[name]) for name in ("scores", "sources", "reason_codes", "reason_items")} == {len(ids)}
        assert row["scores"] == sorted(row["scores"], reverse=True)
        assert all(np.isfinite(row["scores"]))
        assert all(score > 0 for score in row["scores"])
        assert set(row["sources"]) <= set(TIERS)
        assert set(row["reason_codes"]) <= set(REASONS)
        for item, code, because in zip(ids, row["reason_codes"], row["reason_items"], strict=True):
            assert len(because) <= 2
            assert set(because) <= own
            assert bool(because) == (code == "because_you_bought" or item in because)


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


def test_excluded_categories_appear_in_no_list() -> None:
    interactions = as_interactions(made_shop())
    settings = SETTINGS.model_copy(update={"exclude_categories": ["drinks"]})
    model = train(interactions, settings)
    lists = studies.lists_of(model, interactions, catalogue(), settings)
    assert_sound(lists, interactions, set(range(0, 40, 2)), 10)
    because = lists["reason_items"].explode(empty_as_null=False).explode(empty_as_null=False)
    assert not {item % 2 for item in because} - {0}
    similar = similar_items(model, catalogue(), settings)
    assert not {item % 2 for item in [*similar["item_id"], *similar["item_ids"].explode()]} - {0}
    popular = popular_items(interactions, catalogue(), as_of=END, settings=settings)
    assert not {item % 2 for item in popular["item_ids"].explode()} - {0}


def test_what_nobody_discovers_is_listed_for_those_who_bought_it_alone() -> None:
    interactions = as_interactions(made_shop())
    settings = SETTINGS.model_copy(update={"exclude_new_categories": ["drinks"], "stored": 40})
    model = train(interactions, settings)
    lists = studies.lists_of(model, interactions, catalogue(), settings)
    bought = set(interactions.select("customer_id", "item_id").rows())
    drinks = {
        (row["customer_id"], item, row["placement"])
        for row in lists.iter_rows(named=True)
        for item in row["item_ids"]
        if item % 2
    }
    assert {placement for _, _, placement in drinks} == {"for_you", "buy_again"}
    assert {(customer, item) for customer, item, _ in drinks} <= bought
    similar = similar_items(model, catalogue(), settings)
    assert not {item % 2 for item in [*similar["item_id"], *similar["item_ids"].explode()]} - {0}
    popular = popular_items(interactions, catalogue(), as_of=END, settings=settings)
    assert not {item % 2 for item in popular["item_ids"].explode()} - {0}


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


def test_popular_items_rank_by_customers_of_the_window_in_the_shop_and_each_large_category() -> None:
    interactions = as_interactions(made_shop())
    popular = popular_items(interactions, catalogue(), as_of=END, settings=SETTINGS)
    assert popular["scope"].to_list() == ["all", "drinks", "food"]
    window = interactions.filter(pl.col("order_day") > END - timedelta(days=28))
    buyers = dict(window.group_by("item_id").agg(pl.col("customer_id").n_unique()).iter_rows())
    assert popular["scores"][0].to_list() == sorted(buyers.values(), reverse=True)[:10]
    assert [buyers[item] for item in popular["item_ids"][0]] == popular["scores"][0].to_list()


def test_views_make_no_item_popular() -> None:
    views = purchases_of(*((customer, 1, 1, 0) for customer in range(10)), weight=0.1)
    bought = purchases_of(*((customer, 2, 1, 0) for customer in range(20, 23)))
    popular = popular_items(pl.concat([views, bought]), catalogue(8), as_of=END, settings=SETTINGS)
    assert popular["item_ids"][0].to_list() == [2, 1]
    assert popular["scores"][0].to_list() == [3, 0]


def test_items_that_are_not_sold_any_more_appear_in_no_list_and_are_counted() -> None:
    interactions = as_interactions(made_shop())
    gone = catalogue().with_columns(available=pl.col("item_id") >= 5)
    model = studies.train(interactions, gone, SETTINGS)
    made = recommend(dict.fromkeys(PLACEMENTS, model), interactions, gone, as_of=END, settings=SETTINGS)
    assert min(made.lists["item_ids"].explode()) == 5
    assert made.sellable.unavailable == 5
    assert min(similar_items(model, gone, SETTINGS)["item_id"]) == 5
    assert min(popular_items(interactions, gone, as_of=END, settings=SETTINGS)["item_ids"].explode()) >= 5


def test_a_day_of_the_past_does_not_know_what_is_unavailable_today() -> None:
    interactions = as_interactions(made_shop())
    gone = catalogue().with_columns(available=pl.col("item_id") >= 5)
    model = studies.train(interactions, gone, SETTINGS)
    assert min(studies.lists_of(model, interactions, gone, SETTINGS, past=True)["item_ids"].explode()) == 0


def test_items_unsold_for_long_appear_in_no_list_and_are_counted() -> None:
    old = purchases_of(*((customer, 30, 90, 1) for customer in range(60)))
    interactions = pl.concat([as_interactions(made_shop(items=20)), old])
    settings = SETTINGS.model_copy(update={"unsold_days": 60})
    model = train(interactions, settings)
    made = recommend(dict.fromkeys(PLACEMENTS, model), interactions, catalogue(), as_of=END, settings=settings)
    assert 30 not in made.lists["item_ids"].explode()
    assert made.sellable.unsold == 1
    assert 30 in studies.lists_of(model, interactions, catalogue(), SETTINGS)["item_ids"].explode()


def test_customers_who_have_left_get_no_list_and_are_counted() -> None:
    interactions = pl.concat([as_interactions(made_shop()), purchases_of((900, 3, 100, 0))])
    settings = SETTINGS.model_copy(update={"left_after_days": 100})
    model = train(interactions, settings)
    made = recommend(dict.fromkeys(PLACEMENTS, model), interactions, catalogue(), as_of=END, settings=settings)
    assert 900 not in made.lists["customer_id"]
    assert made.customers_left >= 1
    assert 900 in studies.lists_of(model, interactions, catalogue(), SETTINGS)["customer_id"]


@pytest.mark.parametrize(("setting", "column"), [("max_per_category", "category"), ("max_per_brand", "brand")])
def test_caps_hold_among_the_shown_items_and_lists_stay_full(setting: str, column: str) -> None:
    interactions = as_interactions(made_shop())
    items = catalogue().with_columns(category=(pl.col("item_id") % 4).cast(pl.String)).with_columns(brand="category")
    capped = SETTINGS.model_copy(update={"placements": Placements(for_you=PlacementSettings(**{setting: 2}))})
    lists = lists_as_of_end(interactions, capped, items).filter(placement="for_you")
    group = dict(items.select("item_id", column).iter_rows())
    free = lists_as_of_end(interactions, SETTINGS, items).filter(placement="for_you")
    most = [max(map([group[item] for item in ids[:5]].count, "0123")) for ids in lists["item_ids"].to_list()]
    assert max(most) == 2
    assert max(max(map([group[item] for item in ids[:5]].count, "0123")) for ids in free["item_ids"].to_list()) > 2
    assert lists["item_ids"].list.len().to_list() == free["item_ids"].list.len().to_list()
    assert [sorted(ids) for ids in lists["item_ids"]] == [sorted(ids) for ids in free["item_ids"]]
    assert all(scores == sorted(scores, reverse=True) for scores in lists["scores"].to_list())


def test_items_bought_a_moment_ago_wait_for_their_repeat() -> None:
    interactions = purchases_of((1, 5, 2, 0), (1, 6, 9, 1), (1, 7, 30, 2))
    waiting = SETTINGS.model_copy(update={"placements": Placements(buy_again=PlacementSettings(min_repeat_days=9))})
    lists = lists_as_of_end(interactions, waiting)
    assert row_of(lists, 1, "buy_again")["item_ids"] == [6, 7]
    assert set(row_of(lists, 1, "for_you")["item_ids"]) == {5, 6, 7}


def test_sensitive_categories_are_recommended_and_never_cited() -> None:
    interactions = as_interactions(made_shop())
    discreet = SETTINGS.model_copy(update={"sensitive_categories": ["drinks"]})
    lists = lists_as_of_end(interactions, discreet)
    cited = set(lists["reason_items"].explode(empty_as_null=False).explode(empty_as_null=False))
    assert cited
    assert not {item for item in cited if item % 2}
    assert {item for item in lists["item_ids"].explode() if item % 2}


def test_a_placement_that_is_switched_off_has_no_list() -> None:
    settings = SETTINGS.model_copy(update={"placements": Placements(buy_again=PlacementSettings(enabled=False))})
    assert settings.enabled_placements == ("for_you", "discover")


def test_placements_can_be_served_by_different_models() -> None:
    interactions = as_interactions(made_shop())
    old = train(interactions.filter(pl.col("order_day") < END - timedelta(days=7)))
    new = train(interactions, methods={"for_you": "popularity", "discover": "popularity", "buy_again": "popularity"})
    mixed = recommend(
        {"for_you": old, "discover": new, "buy_again": old}, interactions, catalogue(), as_of=END, settings=SETTINGS
    ).lists
    for placement, model in (("for_you", old), ("discover", new)):
        alone = studies.lists_of(model, interactions, catalogue(), SETTINGS).filter(placement=placement)
        assert mixed.filter(placement=placement).equals(alone)


def test_guests_get_no_list_and_count_for_popular_and_similar_items() -> None:
    # What only guests buy, two new items, always together.
    pairs = [(10_000 + number, item, number % 20, 0) for number in range(40) for item in (100, 101)]
    visits = purchases_of(*pairs).with_columns(
        orders_ago=(pl.col("customer_id") - 10_000).cast(pl.UInt32), customer_id=pl.lit(None, pl.Int64)
    )
    interactions = pl.concat([as_interactions(made_shop()), visits])
    items = pl.concat(
        [catalogue(), pl.DataFrame({"item_id": [100, 101], "item_name": ["A", "B"], "category": ["food"] * 2})]
    )
    model = studies.train(interactions, items, SETTINGS)
    lists = recommend(
        dict.fromkeys(PLACEMENTS, model), interactions, items, as_of=END, settings=SETTINGS, past=True
    ).lists
    assert set(lists["customer_id"]) == set(range(60))
    popular = popular_items(interactions, items, as_of=END, settings=SETTINGS)
    assert set(popular.filter(scope="all")["item_ids"].item()[:2]) == {100, 101}
    similar = similar_items(model, items, settings=SETTINGS)
    assert similar.filter(item_id=100)["item_ids"].item()[0] == 101
