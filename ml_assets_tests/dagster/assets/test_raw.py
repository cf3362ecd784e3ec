"""Raw assets: what is loaded, what is refused, and what a late feed costs."""

from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from ml_assets.books.source_days import restatements
from ml_assets.dagster.assets.raw import ACCOUNTED, QUARANTINE, build_raw_assets
from ml_assets.dagster.io_manager import LakeIOManager, everybody
from ml_assets.dagster.runs import range_tags
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.lake import Lake
from ml_assets.sources.base import EventSource
from ml_assets.sources.build import build_source
from ml_assets_tests.dagster.assets.steps import OpenDatabase, named

FIRST, LAST = date(2024, 5, 1), date(2024, 5, 3)
EVENTS = Path("events/part-1.parquet")


@pytest.fixture
def lake(shop: Shop) -> Lake:
    return Lake.of(shop.settings)


def load(shop: Shop, lake: Lake, connection: ServingConnection, first: date, last: date) -> dg.ExecuteInProcessResult:
    """Make raw_events, whose frames only the lake's IO manager can keep; of the source as it is now."""
    return dg.materialize(
        [named(build_raw_assets(shop), "transactions")],
        resources={
            "source": build_source(shop.settings),
            "lake": lake,
            "serving": OpenDatabase(connection),
            "io_manager": LakeIOManager(lake, lambda *_: None, {}, None, without_erased=everybody),
        },
        tags=range_tags(first, last),
        raise_on_error=False,
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    found = result.get_asset_check_evaluations()
    return {check.check_name: (check.passed, str(check.description)) for check in found}


def test_every_line_of_a_range_of_days_is_kept_or_refused_with_its_reason(
    shop: Shop, lake: Lake, text_connection: ServingConnection
) -> None:
    sold_at = pl.col("sold_at")
    broken = pl.when((sold_at == sold_at.min()) & (sold_at.dt.date() == FIRST)).then(-1).otherwise(pl.col("copies"))
    pl.read_parquet(EVENTS).with_columns(copies=broken.cast(pl.Int64)).write_parquet(EVENTS)
    result = load(shop, lake, text_connection, FIRST, LAST)
    assert result.success
    assert lake.partitions("transactions") == ["2024-05-01", "2024-05-02", "2024-05-03"]
    refused = lake.read("quarantined_transactions", FIRST)
    assert 0 < refused.height < lake.read("transactions", FIRST).height
    assert refused["reason"].n_unique() == 1
    lines = pl.read_parquet(EVENTS).filter(pl.col("sold_at").dt.date() == FIRST)
    assert refused.height + lake.read("transactions", FIRST).height == lines.height
    assert checks(result)[ACCOUNTED] == (True, "Every line read is valid or quarantined.")


def test_a_day_of_which_nothing_is_left_fails_its_check_and_the_run(
    shop: Shop, lake: Lake, text_connection: ServingConnection
) -> None:
    pl.read_parquet(EVENTS).with_columns(copies=pl.lit(-1)).write_parquet(EVENTS)
    result = load(shop, lake, text_connection, FIRST, FIRST)
    assert not result.success
    passed, words = checks(result)[QUARANTINE]
    assert not passed
    assert "lines are quarantined" in words
    assert words.endswith(" return.")


def test_a_day_that_changed_is_noted_and_what_was_known_kept(
    shop: Shop, lake: Lake, text_connection: ServingConnection
) -> None:
    load(shop, lake, text_connection, FIRST, FIRST)
    known = lake.read("transactions", FIRST)
    of_day = pl.col("sold_at").dt.date() == FIRST
    pl.read_parquet(EVENTS).with_columns(paid=pl.when(of_day).then(9.5).otherwise("paid")).write_parquet(EVENTS)
    assert load(shop, lake, text_connection, FIRST, FIRST).success
    assert [entry.day for entry in restatements(text_connection)] == [FIRST]
    assert lake.read("transactions", FIRST)["amount"].unique().to_list() == [9.5]
    (kept,) = Path(str(lake.root)).rglob("superseded*/**/*.parquet")
    assert pl.read_parquet(kept).select(known.columns).equals(known)


def test_a_day_that_has_not_come_fails_at_once_and_says_what_to_do(
    shop: Shop, lake: Lake, text_connection: ServingConnection
) -> None:
    result = load(shop, lake, text_connection, date(2024, 6, 1), date(2024, 6, 1))
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    shown = failure.step_failure_data.user_failure_data
    assert shown is not None
    assert "holds no events for 2024-06-01" in str(shown.description)
    assert lake.partitions("transactions") == []


def test_items_are_the_catalogue_and_one_that_cannot_be_read_is_named(shop: Shop, source: EventSource) -> None:
    items = named(build_raw_assets(shop), "items")
    made = items(source=source)
    assert made.select("item_id", "item_name", "category").row(0) == ("i-000", "Book 0", "crime")
    assert made.height == 30
    Path("items.csv").write_text("isbn,genre\ni-000,crime\n")
    with pytest.raises(dg.Failure, match=r"items\.csv has no column title") as raised:
        items(source=source)
    assert not raised.value.allow_retries
