"""Which items may be shown to whom: sold, available, not excluded, not waiting for their repeat."""

from datetime import timedelta

import polars as pl
import pytest

from ml_assets.models.placements import PLACEMENTS
from ml_assets.models.ranking.recommend import recommend
from ml_assets.models.ranking.related import popular_items, similar_items
from ml_assets.settings.recommender import Placements, PlacementSettings
from ml_assets_tests.models import studies
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop, purchases_of
from ml_assets_tests.models.ranking.trained import SETTINGS, assert_sound, lists_as_of_end, row_of, train


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
