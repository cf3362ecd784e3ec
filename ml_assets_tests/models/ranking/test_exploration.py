"""Lists that explore: what stays as it was, what is drawn anew, and which lists do it at all."""

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from ml_assets.models.placements import PLACEMENTS
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.settings.experiments import ExplorationSettings
from ml_assets.settings.recommender import Placements, PlacementSettings, RecommenderSettings
from ml_assets_tests.models import studies
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop
from ml_assets_tests.models.ranking.trained import SETTINGS, assert_sound

ON = ExplorationSettings(epsilon=0.4)
INTERACTIONS = as_interactions(made_shop())


@pytest.fixture(scope="module")
def model() -> RecommenderModel:
    return studies.train(INTERACTIONS, catalogue(), SETTINGS)


def lists(model: RecommenderModel, exploration: ExplorationSettings | None = ON, **more: Any) -> pl.DataFrame:
    settings: RecommenderSettings = more.pop("settings", SETTINGS)
    items = more.pop("items", catalogue())
    return studies.lists_of(model, INTERACTIONS, items, settings, exploration=exploration, **more)


def test_lists_that_do_not_explore_say_nothing_of_it(model: RecommenderModel) -> None:
    off = lists(model, ExplorationSettings())
    assert "propensities" not in off.columns
    assert off.equals(lists(model, None))


def test_a_list_keeps_its_upper_half_and_all_promises(model: RecommenderModel) -> None:
    plain, explored = lists(model, None), lists(model)
    assert_sound(explored, INTERACTIONS, set(range(40)), 10)
    upper = pl.col("item_ids").list.head(3)
    assert explored.select(upper).equals(plain.select(upper))
    assert not explored["item_ids"].equals(plain["item_ids"])
    assert explored.select(pl.col("item_ids").list.sort()).equals(plain.select(pl.col("item_ids").list.sort()))
    assert explored["scores"].equals(plain["scores"])
    lengths = explored.select(a=pl.col("item_ids").list.len(), b=pl.col("propensities").list.len())
    assert lengths["a"].equals(lengths["b"])


def test_reasons_go_with_the_items(model: RecommenderModel) -> None:
    def told(frame: pl.DataFrame) -> pl.DataFrame:
        columns = ["item_ids", "sources", "reason_codes", "reason_items"]
        return (
            frame.explode(*columns)
            .select("customer_id", "placement", *columns)
            .sort("customer_id", "placement", "item_ids")
        )

    assert told(lists(model)).equals(told(lists(model, None)))


def test_a_day_that_is_made_again_draws_the_same_and_the_next_day_others(model: RecommenderModel) -> None:
    assert lists(model).equals(lists(model))
    # As of an unknown later day the same purchases give the same ranking.
    some = lists(model, customers=[1, 2, 3])
    assert some.equals(lists(model).filter(pl.col("customer_id").is_in([1, 2, 3])))
    other = SETTINGS.model_copy(update={"seed": 1})
    assert not lists(model, settings=other)["item_ids"].equals(lists(model)["item_ids"])
    tomorrow = END + timedelta(days=1)
    drawn, plain = lists(model, as_of=tomorrow), lists(model, None, as_of=tomorrow)
    moved = [
        set(both.filter(pl.col("item_ids") != pl.col("plain")).select("customer_id", "placement").rows())
        for both in (
            lists(model).with_columns(plain=lists(model, None)["item_ids"]),
            drawn.with_columns(plain=plain["item_ids"]),
        )
    ]
    assert moved[0] != moved[1]


def test_only_the_lists_that_are_named_explore(model: RecommenderModel) -> None:
    found = lists(model, ExplorationSettings(epsilon=0.4, placements=["discover"]))
    plain = lists(model, None)
    for placement in PLACEMENTS:
        here = pl.col("placement") == placement
        is_same = found.filter(here)["item_ids"].equals(plain.filter(here)["item_ids"])
        lengths = found.filter(here)["propensities"].list.len()
        assert (is_same, (lengths == 0).all()) == ((False, False) if placement == "discover" else (True, True))


def test_what_is_drawn_is_no_near_duplicate_and_within_the_caps(model: RecommenderModel) -> None:
    # Items 0 and 1, 2 and 3 ... have one name; each category is shown three times at most.
    items = catalogue().with_columns(item_name=pl.format("Item {}", pl.col("item_id") // 2), category=pl.lit("a"))
    items = items.with_columns(category=pl.when(pl.col("item_id") % 3 == 0).then(pl.lit("b")).otherwise("category"))
    capped = PlacementSettings(max_per_category=3)
    settings = SETTINGS.model_copy(update={"placements": Placements(discover=capped), "stored": 20})
    found = lists(model, ExplorationSettings(epsilon=0.49), settings=settings, items=items)
    plain = lists(model, None, settings=settings, items=items)
    assert not found["item_ids"].equals(plain["item_ids"])
    for row, before in zip(found.iter_rows(named=True), plain.iter_rows(named=True), strict=True):
        if row["placement"] != "discover":
            continue
        shown, was = row["item_ids"][:5], before["item_ids"][:5]
        # The caps may leave nothing but a near-duplicate; chance adds none.
        assert len({item // 2 for item in shown}) >= len({item // 2 for item in was})
        assert max(sum(item % 3 == 0 for item in shown), sum(item % 3 > 0 for item in shown)) <= 3
