"""Checks: holes in the history, and what every asset tells the catalog."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from ml_assets.books.freshness import read_freshness, sync_policies
from ml_assets.dagster.build import build_defs
from ml_assets.dagster.checks.drift import build_drift_checks
from ml_assets.dagster.checks.freshness import build_history_check, record_freshness
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import CompleteJourneySource
from ml_assets.sources.build import build_source
from ml_assets.subjects import SUBJECTS
from ml_assets_tests.features.lines import day as day_of
from ml_assets_tests.features.lines import write_steady_shop
from ml_assets_tests.releases.frames import MONDAY, recommendations, release

GROUPS = {"raw", "features", "models", "predictions", "serving", "experiments", "quality", "reports"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, source=CompleteJourneySource(replay_start=date(2026, 1, 18)), lookback_days=10)


@pytest.mark.parametrize(
    ("days", "missing"),
    [
        ([], []),
        (["2026-02-01", "2026-02-02"], []),
        (["2026-02-01", "2026-02-04"], ["2026-02-02", "2026-02-03"]),
        # Before the look-back nobody misses a day.
        (["2026-01-18", "2026-02-03", "2026-02-04"], []),
    ],
)
def test_missing_days_of_the_look_back_are_named(settings: Settings, days: list[str], missing: list[str]) -> None:
    lake = Lake.of(settings)
    for day in days:
        lake.write("transactions", pl.DataFrame({"a": [1]}), day)
    check = build_history_check(Shop.of(settings, build_source(settings)))
    result = check(lake=lake)
    assert isinstance(result, dg.AssetCheckResult)
    assert result.passed == (not missing)
    assert result.metadata["missing"].value == missing


def test_a_verdict_is_shown_without_a_run_and_again_only_when_it_changes(
    settings: Settings, connection: ServingConnection
) -> None:
    shop = Shop.of(settings, build_source(settings))
    sync_policies(connection, settings)
    key = dg.AssetCheckKey(dg.AssetKey("recommendations_release"), "is_fresh")
    with dg.DagsterInstance.ephemeral() as instance:

        def shown() -> dg.AssetCheckEvaluation:
            record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
            assert record.event is not None
            return record.event.asset_check_evaluation  # type: ignore[return-value]

        assert record_freshness(instance, shop, read_freshness(connection)) == len(SUBJECTS)
        assert (shown().passed, shown().description) == (False, "missing: Nothing has ever arrived.")
        assert record_freshness(instance, shop, read_freshness(connection)) == 0
        yesterday = date.today() - timedelta(days=1)  # noqa: DTZ011 the database's clock is this machine's
        release(connection, recommendations(), day=(yesterday - MONDAY).days)
        assert record_freshness(instance, shop, read_freshness(connection)) == 1
        assert shown().passed
        assert shown().metadata["status"].value == "fresh"


@pytest.mark.parametrize("job", ["daily_scoring", "rebuild", "load_days", "weekly_training"])
def test_no_job_that_may_stop_halfway_leaves_a_freshness_check_undone(settings: Settings, job: str) -> None:
    definition = build_defs(settings).resolve_job_def(job)
    assert "freshness_of_everything" not in {node.name for node in definition.nodes}


def test_every_asset_has_an_owner_a_group_kinds_a_description_and_a_freshness_policy(settings: Settings) -> None:
    definitions = build_defs(settings)
    specs = list(definitions.resolve_all_asset_specs())
    assert {subject.asset for subject in SUBJECTS.values()} <= {spec.key.path[-1] for spec in specs}
    for spec in specs:
        assert spec.owners == ["team:ml"], spec.key
        assert spec.group_name in GROUPS, spec.key
        assert spec.kinds, spec.key
        assert spec.description, spec.key
        assert spec.freshness_policy is not None, spec.key


def test_a_deadline_becomes_a_policy_of_dagster_with_that_deadline(settings: Settings) -> None:
    limits = {"subjects": {"recommendations": {"deadline": "07:30 America/New_York"}}, "data": {"deadline": "06:00"}}
    shop = Settings.model_validate(settings.model_dump() | {"timezone": "Europe/Berlin", "freshness": limits})
    found = {spec.key.path[-1]: spec.freshness_policy for spec in build_defs(shop).resolve_all_asset_specs()}
    expected = {
        "recommendations": ("30 7 * * *", "America/New_York"),
        "recommendations_release": ("30 7 * * *", "America/New_York"),
        "transactions": ("0 6 * * *", "Europe/Berlin"),
    }
    crons = {name: found[name] for name in expected}
    assert {name: (policy.deadline_cron, policy.timezone) for name, policy in crons.items()} == expected  # type: ignore[union-attr]


def test_the_drift_check_of_a_young_shop_says_what_it_skips_and_why(
    settings: Settings, connection: ServingConnection
) -> None:
    class Serving:
        @contextmanager
        def connect(self) -> Iterator[ServingConnection]:
            yield connection

    lake = Lake.of(settings)
    young = settings.model_copy(update={"lookback_days": 400})
    write_steady_shop(lake, 75, customers=200)
    lake.write("recommendations", pl.DataFrame({"a": [1]}), day_of(74))
    checks = build_drift_checks(Shop.of(young, build_source(young)))
    job = dg.define_asset_job("drift", selection=dg.AssetSelection.all_asset_checks())
    defs = dg.Definitions(asset_checks=checks, jobs=[job], resources={"lake": lake, "serving": Serving()})
    result = defs.resolve_job_def("drift").execute_in_process()
    shown = {check.asset_key.path[-1]: check for check in result.get_asset_check_evaluations()}
    features = shown["customer_features"]
    assert features.passed
    assert features.description == (
        "2024-03-15: 4 measures are as usual. Skipped while the history is short: orders_90d, spend_90d."
    )
    skipped = features.metadata["skipped"].value
    assert isinstance(skipped, dict)
    assert skipped["orders_90d"] == "needs 90 days of history; 2024-02-16, the oldest day compared with, has 47"
    assert "skipped" not in shown["recommendations"].metadata
