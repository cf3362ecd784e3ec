"""Feature assets: as of the day of their partition, from the look-back that the settings give."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from ml_assets.dagster.assets.features import build_feature_assets
from ml_assets.dagster.shop import Shop
from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source
from ml_assets_tests.dagster.assets.steps import named, on
from ml_assets_tests.features.lines import day, line, lines

ITEMS = pl.LazyFrame({"item_id": [11, 12], "category": ["dairy", None]})
LINES = lines(line(1, 11, 0, amount=2.0), line(1, 11, 40), line(1, 12, 45, amount=3.0), line(2, 11, 46))


@pytest.fixture
def assets(tmp_path: Path) -> list[dg.AssetsDefinition]:
    settings = Settings(home=tmp_path, lookback_days=30)
    return build_feature_assets(Shop.of(settings, build_source(settings)))


def test_interactions_are_those_of_the_look_back_until_the_day_itself(assets: list[dg.AssetsDefinition]) -> None:
    made = named(assets, "interactions")(on(day(45)), LINES).collect()
    assert made.select("customer_id", "item_id", "order_day", "orders_ago").rows() == [
        (1, 11, day(40), 1),
        (1, 12, day(45), 0),
    ]


def test_customer_features_know_no_later_day(assets: list[dg.AssetsDefinition]) -> None:
    made = named(assets, "customer_features")(on(day(45)), LINES, ITEMS).collect()
    assert made.select("customer_id", "recency_days", "orders", "spend_28d").rows() == [(1, 0, 2, 4.0)]


@pytest.mark.parametrize("name", ["interactions", "customer_features"])
def test_a_look_back_without_sales_gives_no_row_and_all_columns(assets: list[dg.AssetsDefinition], name: str) -> None:
    more = [ITEMS] if name == "customer_features" else []
    asset = named(assets, name)
    assert asset(on(day(45)), lines(), *more).collect().schema == asset(on(day(45)), LINES, *more).collect().schema
    assert asset(on(day(45)), lines(), *more).collect().is_empty()


def test_transactions_without_a_column_are_an_error_that_names_it(assets: list[dg.AssetsDefinition]) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="order_id"):
        named(assets, "interactions")(on(day(45)), LINES.drop("order_id")).collect()
