"""Release assets: each publishes what it is given, or says which gate it did not pass."""

import polars as pl
import pytest

from ml_assets.dagster.assets.releases import GATES, build_release_assets
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.lake import Lake
from ml_assets.releases.catalog import live_days
from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source
from ml_assets.subjects import PUBLISHED
from ml_assets_tests.dagster.assets.steps import OpenDatabase, named, on
from ml_assets_tests.releases import frames
from ml_assets_tests.releases.frames import MONDAY


@pytest.fixture
def lake(tmp_path, connection: ServingConnection) -> Lake:  # type: ignore[no-untyped-def]
    lake = Lake(tmp_path)
    lake.write("items", frames.items())
    lake.write("segment_profiles", frames.segments(), MONDAY)
    return lake


def publish(lake: Lake, connection: ServingConnection, subject: str, frame: pl.DataFrame):  # type: ignore[no-untyped-def]
    settings = Settings.model_validate(
        {"home": str(lake.root), "recommender": {"k": 4}, "serving": {"gates": {"judge_from": 1_000_000}}}
    )
    assets = build_release_assets(Shop.of(settings, build_source(settings)))
    predictions = frame.with_columns(model_version=pl.lit("m1")).lazy()
    return named(assets, f"{subject}_release")(on(MONDAY), predictions, lake=lake, serving=OpenDatabase(connection))


@pytest.mark.parametrize("subject", PUBLISHED)
def test_what_is_given_is_live_and_its_check_passes(lake: Lake, connection: ServingConnection, subject: str) -> None:
    result = publish(lake, connection, subject, frames.SAMPLES[subject]())
    (check,) = result.check_results
    assert (check.check_name, check.passed) == (GATES, True)
    assert result.metadata["dagster/partition_row_count"] == frames.SAMPLES[subject]().height
    assert result.metadata["dagster/table_name"] == f"ml.{subject}"
    assert live_days(connection) == {subject: MONDAY}


@pytest.mark.parametrize("subject", PUBLISHED)
def test_what_is_there_twice_is_blocked_and_says_what_to_do(
    lake: Lake, connection: ServingConnection, subject: str
) -> None:
    result = publish(lake, connection, subject, pl.concat([frames.SAMPLES[subject]()] * 2))
    (check,) = result.check_results
    assert not check.passed
    assert result.metadata["state"] == "blocked"
    assert f"ml-assets releases {subject}" in str(check.metadata["next"])
    assert live_days(connection) == {}
