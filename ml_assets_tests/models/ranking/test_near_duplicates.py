"""Near-duplicates: which items they are, and that no list, reason or figure takes them for different things."""

from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pytest

from ml_assets.models.metrics.list_facts import ListJudge
from ml_assets.models.ranking.near_duplicates import NearDuplicates
from ml_assets.models.ranking.related import popular_items, similar_items
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.settings.recommender import NearDuplicateSettings, RecommenderSettings
from ml_assets_tests.models import studies
from ml_assets_tests.models.purchase_frames import END, as_interactions, made_shop

SETTINGS = RecommenderSettings(k=5, stored=10, min_item_buyers=2)
OFF = SETTINGS.model_copy(update={"near_duplicates": NearDuplicateSettings(enabled=False)})


def named(*names: str | None, **columns: list[str | None]) -> pl.DataFrame:
    frame = {"item_id": range(len(names)), "item_name": pl.Series(names, dtype=pl.String)}
    return pl.DataFrame({**frame, **{name: pl.Series(values, dtype=pl.String) for name, values in columns.items()}})


def groups_of(items: pl.DataFrame, **settings: Any) -> NearDuplicates:
    return NearDuplicates.of(items["item_id"], items, NearDuplicateSettings(**settings))


def alike(items: pl.DataFrame, **settings: Any) -> bool:
    """Whether two items are near-duplicates."""
    found = groups_of(items, **settings)
    return any(groups[0] >= 0 and groups[0] == groups[1] for groups in (found.names, found.packs))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Milk, 1 l", "Milk 2 L"),
        ("Cola 6 x 330 ml", "COLA 1.5l"),
        ("Cola 6x330ml", "Cola, 12 pack/12 oz"),
        ("Cigarettes, 998377 pk", "Cigarettes, carton"),
        ("Milk, 1/2 gal", "Milk (1 gal)"),
        ("Eggs - large, 18 ct", "eggs, large - 1 dozen"),
        ("Bier 0,5 l", "Bier 0.33 l"),
        ("Wasser 12er-Pack", "Wasser"),
        ("牛乳 1l", "牛乳 500 ml"),
        ("7 Up 330 ml", "7 up"),
        ("Blades", "blades"),
    ],
)
def test_packs_of_one_product_are_near_duplicates(one: str, other: str) -> None:
    assert alike(named(one, other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Milk", "Whole milk"),
        ("Cola", "Cola Zero"),
        ("7 Up", "Up"),
        ("Die Hard", "Die Hard 2"),
        ("Toy Story (1995)", "Toy Story (1999)"),
        ("Phone 128 GB", "Phone 256 GB"),
        ("Vitamin B6 tablets", "Vitamin B12 tablets"),
        ("Shampoo 2 in 1", "Shampoo 3 in 1"),
        ("Cable 2 m", "Cable 5 m"),
        ("500 g", "250 g"),
        ("1.5", "15"),
        ("???", "!!!"),
        (None, None),
        ("", ""),
    ],
)
def test_different_products_are_none(one: str | None, other: str | None) -> None:
    assert not alike(named(one, other))


def test_packs_of_other_brands_or_categories_are_different_products_unless_the_settings_say_so() -> None:
    items = named("Milk 1 l", "Milk 2 l", brand=["A", "B"], category=["dairy", "dairy"])
    assert not alike(items)
    assert alike(items, by=["name"])
    assert alike(items, by=["name", "category"])
    assert not alike(named("Milk 1 l", "Milk 2 l", category=["dairy", "toys"]))
    assert alike(named("Milk", "Juice", brand=["A", "A"]), by=["brand"])


def test_items_of_the_same_name_are_near_duplicates_whatever_else_tells_them_apart() -> None:
    assert alike(named("Bread, 20 oz", "bread  20 oz", brand=["A", "B"], category=["fresh", "frozen"]))


def test_without_names_or_switched_off_nothing_is_grouped() -> None:
    nameless = pl.DataFrame({"item_id": [1, 2], "category": ["a", "a"], "brand": ["b", "b"]})
    assert not groups_of(nameless).any
    assert not groups_of(named(None, None, brand=["b", "b"])).any
    assert not groups_of(named("Milk", "Milk"), enabled=False).any


def packs_of_four() -> pl.DataFrame:
    """40 items, four packs of each of ten products; every product of the even customers is also one of the odd."""
    return pl.DataFrame(
        {
            "item_id": range(40),
            "item_name": [f"Product {'ABCDEFGHIJ'[item // 4]}, {1 + item % 4} kg" for item in range(40)],
            "category": ["food"] * 40,
            "brand": ["own"] * 40,
        }
    )


def lists_of(items: pl.DataFrame, settings: RecommenderSettings) -> pl.DataFrame:
    interactions = as_interactions(made_shop())
    model = studies.train(interactions, items, settings)
    return studies.lists_of(model, interactions, items, settings)


def products(ids: list[int]) -> list[int]:
    return [item // 4 for item in ids]


def test_a_list_of_new_items_shows_one_pack_of_each_product_and_loses_nothing() -> None:
    wide = SETTINGS.model_copy(update={"stored": 40})
    lists = lists_of(packs_of_four(), wide)
    same = wide.model_copy(update={"near_duplicates": OFF.near_duplicates})
    for row, before in zip(
        lists.iter_rows(named=True), lists_of(packs_of_four(), same).iter_rows(named=True), strict=True
    ):
        assert set(row["item_ids"]) == set(before["item_ids"])
        assert row["scores"] == sorted(row["scores"], reverse=True)
        if row["placement"] == "discover":
            there = len(set(products(row["item_ids"])))
            assert len(set(products(row["item_ids"][:there]))) == there, "the others follow behind"


def test_packs_that_a_customer_bought_both_are_shown_both_unless_the_settings_say_otherwise() -> None:
    def doubles(settings: RecommenderSettings) -> int:
        shown = lists_of(packs_of_four(), settings).filter(placement="buy_again")["item_ids"].list.head(5)
        return sum(len(ids) != len(set(products(ids))) for ids in shown)

    one_each = SETTINGS.model_copy(update={"near_duplicates": NearDuplicateSettings(keep_bought=False)})
    assert doubles(SETTINGS) > doubles(one_each)


def test_items_of_the_same_name_never_stand_together_even_if_bought() -> None:
    items = packs_of_four().with_columns(item_name=pl.col("item_name").str.replace(r", \d kg", ""))
    for row in lists_of(items, SETTINGS.model_copy(update={"stored": 40})).iter_rows(named=True):
        there = len(set(products(row["item_ids"])))
        assert len(set(products(row["item_ids"][:there]))) == there


def test_a_shop_without_names_gets_the_lists_that_it_would_get_without_grouping() -> None:
    nameless = packs_of_four().with_columns(item_name=pl.lit(None, pl.String))
    assert lists_of(nameless, SETTINGS).equals(lists_of(nameless, OFF))


def test_a_reason_cites_something_else_than_another_pack_of_the_item_itself() -> None:
    items = packs_of_four().with_columns(brand=(pl.col("item_id") % 2).cast(pl.String))
    lists = lists_of(items, SETTINGS).explode("item_ids", "reason_codes", "reason_items", empty_as_null=False)
    told = lists.filter(pl.col("reason_codes") == "because_you_bought")
    assert told.height
    for item, cited in told.select("item_ids", "reason_items").iter_rows():
        assert item // 4 not in products(cited), "whatever the brand"
        assert len(products(cited)) == len(set(products(cited)))
    without = lists_of(items, OFF).explode("item_ids", "reason_codes", "reason_items", empty_as_null=False)
    assert any(item // 4 in products(cited) for item, cited in without.select("item_ids", "reason_items").iter_rows())


def test_similar_and_popular_items_name_each_product_once_before_any_twice() -> None:
    items, interactions = packs_of_four(), as_interactions(made_shop())
    wide = SETTINGS.model_copy(update={"stored": 40})
    model = studies.train(interactions, items, wide)
    for item, listed in similar_items(model, items, wide).select("item_id", "item_ids").iter_rows():
        others = len(set(products(listed)) - {item // 4})
        assert len(set(products(listed[:others])) - {item // 4}) == others
    for listed in popular_items(interactions, items, as_of=END, settings=wide)["item_ids"]:
        assert len(set(products(listed[:10]))) == 10


def test_the_share_of_near_duplicate_pairs_is_what_a_person_would_count() -> None:
    items = packs_of_four()
    snapshot = Snapshot.of(as_interactions(made_shop()), items, END, SETTINGS)
    codes = snapshot.purchases.items.to_list()
    rows = [[0, 1, 4, 8], [2, 5, 6, 7], [9, 12]]
    lists = np.full((3, 5), -1, np.int32)
    for place, row in enumerate(rows):
        lists[place, : len(row)] = [codes.index(item) for item in row]
    pairs = [one // 4 == two // 4 for row in rows for one, two in combinations(row, 2)]
    found = ListJudge(snapshot).facts(np.arange(3, dtype=np.int32), lists)
    assert found.near_duplicate_share == pytest.approx(sum(pairs) / len(pairs))
