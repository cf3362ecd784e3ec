"""Training is asked for once, when a model is old, missing or drifted and every day of its past is there."""

from datetime import date, datetime

import dagster as dg
import polars as pl
import pytest

from ml_assets.books.freshness import read_freshness, sync_policies
from ml_assets.books.models import list_models
from ml_assets.dagster.automation.retrain_sensor import decide_retraining
from ml_assets.dagster.build import build_defs
from ml_assets.dagster.runs import range_tags
from ml_assets.subjects import MODEL_KINDS
from ml_assets_tests.books.models import add_model
from ml_assets_tests.dagster.house import BERLIN, NOON, House


def trained(house: House, through: date) -> None:
    with house.serving.connect() as connection:
        for kind in MODEL_KINDS:
            add_model(connection, kind, through)


def answer(house: House, now: datetime = NOON) -> str:
    with house.serving.connect() as connection:
        sync_policies(connection, house.settings)
        result = decide_retraining(house.shop, house.instance, house.lake, connection, house.source, now)
    return str(result.run_key if isinstance(result, dg.RunRequest) else result.skip_message)


def test_retraining_is_asked_for_once_when_a_model_is_old_and_the_weeks_is_missing(house: House) -> None:
    assert answer(house).startswith("Nothing was ever trained")
    trained(house, date(2024, 5, 5))
    assert answer(house).startswith("The lake holds no day")
    house.run("load_days", date(2024, 4, 1), date(2024, 5, 19))
    assert answer(house) == "retrain-2024-05-20"
    # Monday at four the schedule has its turn.
    assert answer(house, datetime(2024, 5, 20, 4, 30, tzinfo=BERLIN)) == "The schedule trains first."
    trained(house, date(2024, 5, 19))
    assert answer(house) == "The models of the week 2024-05-20 are trained."


def test_retraining_waits_until_every_day_before_the_week_that_the_source_has_is_loaded(house: House) -> None:
    # Down from Friday on; the Saturday was closed.
    whole = pl.read_parquet(house.folder / "whole.parquet")
    whole.filter(pl.col("sold_at").dt.date() != date(2024, 5, 18)).write_parquet(house.folder / "whole.parquet")
    house.deliver(date(2024, 5, 20))
    trained(house, date(2024, 5, 5))
    house.run("load_days", date(2024, 4, 1), date(2024, 5, 16))
    missing = "Training waits for days that the source has and the lake has not: 2024-05-17, 2024-05-19."
    assert answer(house) == missing
    days = range_tags(date(2024, 5, 17), date(2024, 5, 19))
    load = house.instance.create_run_for_job(
        build_defs(house.settings, source=house.source).resolve_job_def("books_load_days"),
        tags=days,
        status=dg.DagsterRunStatus.STARTED,
    )
    assert answer(house) == "Training waits for days before 2024-05-20 that are being loaded: 2024-05-17 to 2024-05-19."
    house.instance.report_run_failed(load)
    assert answer(house) == missing
    house.run("load_days", date(2024, 5, 17), date(2024, 5, 19))
    assert answer(house) == "retrain-2024-05-20"


def test_no_model_claims_to_be_trained_through_days_that_the_lake_lacks(house: House) -> None:
    house.run("load_days", date(2024, 4, 1), date(2024, 5, 17))
    for asset in ("recommender_model", "segmentation_model", "customer_value_model"):
        assets = ["recommender_backtest", asset] if asset == "recommender_model" else [asset]
        with pytest.raises(dg.Failure, match=r"through 2024-05-19: .*lake \(2024-05-18, 2024-05-19\)"):
            house.run("weekly_training", date(2024, 5, 20), assets=assets)
    with house.serving.connect() as connection:
        assert [list_models(connection, kind) for kind in MODEL_KINDS] == [[]] * len(MODEL_KINDS)
    house.run("load_days", date(2024, 5, 18), date(2024, 5, 19))
    house.run("weekly_training", date(2024, 5, 20), assets=["segmentation_model"])


def test_a_model_that_is_trained_after_the_feed_died_says_how_old_its_data_is(house: House) -> None:
    house.deliver(date(2024, 5, 15))
    house.run("load_days", date(2024, 4, 1), date(2024, 5, 15))
    house.run("weekly_training", date(2024, 5, 20), assets=["segmentation_model"])
    with house.serving.connect() as connection:
        (model,) = list_models(connection, "segmentation")
        rows = {row.subject: row for row in read_freshness(connection, datetime(2024, 5, 24, 12, tzinfo=BERLIN))}
    assert model.trained_through == date(2024, 5, 19)
    assert (rows["segmentation_model"].data_as_of, rows["segmentation_model"].status) == (date(2024, 5, 15), "warn")


def test_training_on_an_old_hole_says_so(house: House) -> None:
    house.run("load_days", date(2024, 4, 1), date(2024, 4, 20))
    house.run("load_days", date(2024, 4, 25), date(2024, 5, 19))
    defs = build_defs(house.settings, source=house.source, retry=None)
    run = defs.resolve_job_def("books_weekly_training").execute_in_process(
        instance=house.instance, partition_key="2024-05-20"
    )
    told = {check.check_name: check for check in run.get_asset_check_evaluations()}
    assert not told["history_has_no_holes"].passed
    assert (told["history_has_no_holes"].description or "").startswith("4 days are missing, the first 2024-04-21")
    with house.serving.connect() as connection:
        assert {str(model.trained_through) for model in list_models(connection, "segmentation")} == {"2024-05-19"}


def test_drift_trains_the_missing_model_of_the_week_although_none_is_old(house: House) -> None:
    monday = datetime(2024, 5, 20, 12, tzinfo=BERLIN)
    trained(house, date(2024, 5, 12))
    house.run("load_days", date(2024, 5, 1), date(2024, 5, 19))
    assert answer(house, monday) == "No model is old, and nothing drifts."
    with house.serving.connect() as connection:
        connection.execute(
            "INSERT INTO books_ml_meta.drift VALUES (%s, 'customer_features', 'psi:x', 9, 1, 2, 'error', 'x')",
            [date(2024, 5, 20)],
        )
    assert answer(house, monday) == "retrain-2024-05-20"
