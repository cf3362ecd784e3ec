"""The sensors of a shop: late, missing and corrected days, one retraining, and alerts once."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from ml_assets.books.source_days import first_loads, restatements
from ml_assets.cli import app as command
from ml_assets.dagster.build import build_defs
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.findings import Watched, failed_runs
from ml_assets.database.locks import one_at_a_time
from ml_assets.features.as_known import transactions_as_known
from ml_assets.features.customers import build_customer_features
from ml_assets.settings.shop import Settings
from ml_assets_tests.alerts.receivers import http_receiver
from ml_assets_tests.dagster.house import BERLIN, House


def test_before_the_first_load_nothing_is_asked_for(house: House) -> None:
    assert house.look() == []


def test_days_missing_in_the_middle_are_loaded_before_the_newest_is_scored(house: House) -> None:
    house.run("load_days", date(2024, 4, 1), date(2024, 5, 12))
    house.run("load_days", date(2024, 5, 15), date(2024, 5, 15))
    expected = [("books_load_days", "2024-05-13..2024-05-14"), ("books_load_days", "2024-05-16..2024-05-19")]
    assert house.look() == expected
    house.run("load_days", date(2024, 5, 13), date(2024, 5, 14))
    house.run("load_days", date(2024, 5, 16), date(2024, 5, 19))
    assert house.look() == [("books_daily_scoring", "2024-05-20")]


def test_the_schedule_goes_first_and_a_late_day_is_scored_when_it_arrives(house: House) -> None:
    house.deliver(date(2024, 5, 19))
    house.run("load_days", date(2024, 4, 1), date(2024, 5, 19))
    night = datetime(2024, 5, 21, 3, 10, tzinfo=BERLIN)
    # The nineteenth is loaded and was never published; the twentieth has not come.
    assert house.look(night) == [("books_daily_scoring", "2024-05-19")]
    house.deliver(date(2024, 5, 20))
    assert house.look(night) == []
    assert house.look(night + timedelta(hours=1)) == [("books_daily_scoring", "2024-05-20")]


def test_a_feed_that_is_late_is_told_at_once_and_its_day_scored_when_it_arrives(house: House) -> None:
    house.deliver(date(2024, 5, 19))
    house.run("load_days", date(2024, 4, 1), date(2024, 5, 19))
    # With the back-off of production: a second attempt would take a minute.
    job = build_defs(house.settings, source=house.source).resolve_job_def("books_daily_scoring")
    failed = job.execute_in_process(instance=house.instance, partition_key="2024-05-20", raise_on_error=False)
    assert not failed.success
    assert [event for event in failed.all_events if event.is_step_up_for_retry] == []
    # Nothing of a day that has not come is made, so that nothing claims to be of that day.
    assert [event.step_key for event in failed.all_events if event.is_step_failure] == ["raw_events"]
    made = [
        event.asset_key.path[-1] for event in failed.all_events if event.is_step_materialization and event.asset_key
    ]
    assert made == ["items"]
    (finding,) = failed_runs(house.instance, Watched("books_", ["books_daily_scoring"], [], []))
    assert finding.summary == (
        "The run of 2024-05-20 failed: step raw_events: The source (files) holds no events for 2024-05-20; it "
        "covers 2024-04-01 to 2024-05-19. Choose another day, wait for the feed, or set events.allow_empty_days: true "
        "for days without sales."
    )
    house.deliver(date(2024, 5, 20))
    assert house.look() == [("books_daily_scoring", "2024-05-20")]


def test_an_outage_of_a_month_asks_for_the_window_in_one_run(house: House) -> None:
    house.run("load_days", date(2024, 4, 1), date(2024, 4, 20))
    assert house.look() == [("books_load_days", "2024-05-07..2024-05-19")]


def test_a_corrected_day_is_loaded_again_and_what_depends_on_it_rebuilt(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    house.run("load_days", date(2024, 4, 1), date(2024, 5, 20))
    days = [date(2024, 5, number) for number in (15, 17, 18, 19, 20)]
    for day in days:
        house.run("daily_scoring", day, assets=["interactions", "customer_features"])
    known_then = house.lake.read("customer_features", date(2024, 5, 20))
    with house.serving.connect() as connection:
        before = connection.execute("SELECT clock_timestamp()").fetchall()[0][0]
    assert house.look() == [("books_daily_scoring", "2024-05-20")]
    # Five lines of the seventeenth were wrong: they cost nothing.
    whole = pl.read_parquet(house.folder / "whole.parquet").with_row_index("line")
    of_day = whole.filter(pl.col("sold_at").dt.date() == date(2024, 5, 17))["line"].head(5)
    paid = pl.when(pl.col("line").is_in(of_day.implode())).then(0.0).otherwise("paid").alias("paid")
    whole.with_columns(paid).drop("line").write_parquet(house.folder / "whole.parquet")
    house.deliver(date(2024, 5, 20))
    assert house.look()[0] == ("books_load_days", "2024-05-17..2024-05-17")
    house.run("load_days", date(2024, 5, 17), date(2024, 5, 17))
    with house.serving.connect() as connection:
        ledger, loads = restatements(connection), first_loads(connection)
    assert [(entry.day, entry.rows_before == entry.rows_after) for entry in ledger] == [(date(2024, 5, 17), True)]
    features = "interactions,customer_features,experiment_outcomes,live_quality"
    # Exactly the days that see the seventeenth: not the fifteenth, nor the sixteenth, which was never built. The
    # twentieth, which was never published, is scored once.
    assert house.look() == [
        (f"books_rebuild({features})", "2024-05-19"),
        (f"books_rebuild({features})", "2024-05-18"),
        (f"books_rebuild({features})", "2024-05-17"),
        ("books_daily_scoring", "2024-05-20"),
    ]
    # Once.
    assert [job for job, _ in house.look() if "rebuild" in job] == []
    house.run("rebuild", date(2024, 5, 20), assets=["interactions", "customer_features"])
    now_known = house.lake.read("customer_features", date(2024, 5, 20))
    assert now_known["spend_365d"].sum() < known_then["spend_365d"].sum()
    # And what was known before the correction can still be rebuilt.
    lines = transactions_as_known(
        house.lake, ledger, loads, as_of=date(2024, 5, 20), at=before, lookback_days=house.settings.lookback_days
    )
    again = build_customer_features(
        lines,
        house.lake.scan("items"),
        as_of=date(2024, 5, 20),
        lookback_days=house.settings.lookback_days,
        timezone=house.settings.timezone,
    ).collect()
    assert again.equals(known_then)
    _the_command_rebuilds_it_too(house, monkeypatch, capfd, before, known_then)


def test_a_newest_day_that_lost_its_lines_is_told_and_stays_as_it_was_loaded(house: House) -> None:
    day = date(2024, 5, 20)
    house.run("load_days", date(2024, 4, 1), day)
    before = house.lake.read("transactions", day)
    house.deliver(date(2024, 5, 19))
    assert ("books_load_days", "2024-05-20..2024-05-20") in house.look()
    with pytest.raises(dg.Failure, match="holds no events for 2024-05-20"):
        house.run("load_days", day, day)
    assert house.lake.read("transactions", day).equals(before)


def test_features_that_were_built_without_a_late_day_are_built_again(house: House) -> None:
    house.run("load_days", date(2024, 4, 1), date(2024, 5, 15))
    house.run("load_days", date(2024, 5, 17), date(2024, 5, 20))
    for day in (date(2024, 5, 15), date(2024, 5, 18), date(2024, 5, 20)):
        house.run("daily_scoring", day, assets=["interactions", "customer_features"])
    assert house.look() == [("books_load_days", "2024-05-16..2024-05-16")]
    house.run("load_days", date(2024, 5, 16), date(2024, 5, 16))
    with house.serving.connect() as connection:
        (entry,) = restatements(connection)
    assert (entry.day, entry.rows_before, entry.rows_after > 0) == (date(2024, 5, 16), 0, True)
    assert house.look() == [
        ("books_rebuild(interactions,customer_features,experiment_outcomes,live_quality)", "2024-05-18"),
        ("books_daily_scoring", "2024-05-20"),
    ]


def test_the_sensor_leaves_the_source_to_a_command_that_is_at_work(house: House) -> None:
    defs = build_defs(house.settings, source=house.source, retry=None)

    def tick() -> str:
        with dg.build_sensor_context(
            instance=house.instance, definitions=defs, resources={"lake": house.lake, "serving": house.serving}
        ) as context:
            return str(defs.resolve_sensor_def("books_source_changes").evaluate_tick(context).skip_message)

    with house.serving.connect() as connection, one_at_a_time(connection, "run", timedelta(minutes=1)):
        assert tick() == "`ml-assets run` is at work on this shop, and looks at the source itself."
    assert tick() == "The lake holds what the source holds."


def test_a_day_that_is_corrected_to_and_fro_on_one_date_is_loaded_each_time_and_never_twice(house: House) -> None:
    day = date(2024, 5, 17)
    house.run("load_days", date(2024, 4, 1), date(2024, 5, 20))
    whole = pl.read_parquet(house.folder / "whole.parquet")
    fewer = whole.filter((pl.col("sold_at").dt.date() != day) | (pl.col("paid") > pl.col("paid").median()))
    keys = []
    for content in (fewer, whole, fewer):
        content.write_parquet(house.folder / "whole.parquet")
        house.deliver(date(2024, 5, 20))
        (asked,) = [request for request in house.requests() if request.job_name == "books_load_days"]
        assert asked.run_key is not None
        keys.append(asked.run_key)
        house.run("load_days", day, day, key=asked.run_key)
        assert [request.run_key for request in house.requests() if request.job_name == "books_load_days"] == []
    assert len(set(keys)) == 3


def test_a_load_that_failed_is_not_asked_for_again_until_the_source_holds_something_else(house: House) -> None:
    house.run("load_days", date(2024, 4, 1), date(2024, 5, 12))
    (asked,) = [request for request in house.requests() if request.job_name == "books_load_days"]
    definition = dg.Definitions(jobs=[_broken]).resolve_job_def("books_load_days")
    tags = {"dagster/run_key": str(asked.run_key)}
    definition.execute_in_process(instance=house.instance, tags=tags, raise_on_error=False)
    assert [request.run_key for request in house.requests() if request.job_name == "books_load_days"] == []
    house.deliver(date(2024, 5, 18))
    (again,) = [request for request in house.requests() if request.job_name == "books_load_days"]
    assert again.run_key != asked.run_key


@dg.op
def _break() -> None:
    raise OSError("the disk is gone")


@dg.job(name="books_load_days")
def _broken() -> None:
    _break()


def _the_command_rebuilds_it_too(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    before: datetime,
    known_then: pl.DataFrame,
) -> None:
    assert house.settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", house.settings.database_url.get_secret_value())
    config = str(house.folder / "shop.yaml")

    def call(day: str, moment: str, *more: str) -> tuple[int, str, str]:
        arguments = ["features", "--date", day, "--as-known", moment, "--config", config, *more]
        monkeypatch.setattr("sys.argv", ["ml-assets", *arguments])
        code = command.exit_code()
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    capfd.readouterr()
    target = house.folder / "then.parquet"
    code, out, err = call("2024-05-20", before.isoformat(), "--json", "-o", str(target))
    assert code == 0, err
    facts = json.loads(out)
    assert (facts["corrected_since"], facts["not_known_then"]) == (["2024-05-17"], [])
    assert pl.read_parquet(target).equals(known_then)
    code, out, _ = call("2024-05-20", before.isoformat())
    assert "2024-05-17" in out
    assert "Add -o FILE" in out
    # As known now, it is what the lake holds.
    assert call("2024-05-20", datetime.now(UTC).isoformat(), "-o", str(target))[0] == 0
    assert pl.read_parquet(target).equals(house.lake.read("customer_features", date(2024, 5, 20)))
    lists = house.folder / "then.csv"
    assert call("2024-05-20", before.isoformat(), "--asset", "interactions", "-o", str(lists))[0] == 0
    assert pl.read_csv(lists).height == house.lake.read("interactions", date(2024, 5, 20)).height
    for arguments, words in (
        (("2024-05-21", before.isoformat()), "holds no transactions of 2024-05-21; it has 2024-04-01 to 2024-05-20"),
        (("2024-05-20", "2024-05-20"), "2024-05-20 was not known at 2024-05-20 00:00: it was first loaded at"),
        (("2024-05-20", "noon"), "--as-known noon is no moment"),
        (("2024-05-20", "2999-01-01"), "is in the future"),
        (("2024-05-20", before.isoformat(), "-o", "then.xlsx"), "neither a .parquet nor a .csv"),
    ):
        code, _, err = call(*arguments)
        assert code == 1
        assert words in " ".join(err.split())
        assert "Next:" in err


def test_the_alert_sensor_tells_once_what_is_wrong_and_leaves_no_secret_in_dagster(house: House) -> None:
    with http_receiver() as hook, dg.instance_for_test() as instance:
        settings = Settings.model_validate(
            house.settings.model_dump()
            | {
                "database_url": house.settings.database_url,
                "alerts": {"channels": {"hook": {"url": f"{hook.url}/s3cr3t-path"}}},
            }
        )
        defs = build_defs(settings, source=house.source, retry=None)
        with house.serving.connect() as connection:
            connection.execute("UPDATE books_ml_meta.shop SET created_at = now() - interval '1 year'")
        for _ in range(2):
            with dg.build_sensor_context(
                instance=instance,
                definitions=defs,
                resources={"serving": ServingDatabase(settings, house.source)},
            ) as context:
                result = defs.resolve_sensor_def("books_alerts").evaluate_tick(context)
            assert "s3cr3t" not in str(result)
        kept = b"".join(file.read_bytes() for file in Path(instance.root_directory).rglob("*") if file.is_file())
        assert b"s3cr3t" not in kept
        assert hook.titles == [f"ERROR: {subject} has never arrived (shop books)" for subject in ("transactions",)]
