"""What Dagster knows to be wrong: runs, checks, ticks and daemons, as findings that end by themselves."""

import time
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType  # noqa: TID251 ticks as the daemon writes them
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin  # noqa: TID251 as above
from dagster._core.scheduler.instigation import (  # noqa: TID251 as above
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.types import DaemonHeartbeat  # noqa: TID251 as the daemon writes it
from dagster_shared.error import SerializableErrorInfo

from ml_assets.dagster.findings import Watched, collect_dagster

FAULTS: set[str] = set()


@dg.asset
def recommendations_release() -> None:
    if "run" in FAULTS:
        raise ValueError("the disk is full\nand more for developers")


@dg.asset_check(asset=recommendations_release)
def is_dense() -> dg.AssetCheckResult:
    if "raise" in FAULTS:
        raise RuntimeError("cannot be judged")
    severity = dg.AssetCheckSeverity.WARN if "warn" in FAULTS else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(passed="check" not in FAULTS, severity=severity, description="3 lists have gaps.")


@dg.asset_check(asset=recommendations_release, blocking=True)
def passes_its_gates() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed="gates" not in FAULTS)


DEFS = dg.Definitions(
    assets=[recommendations_release],
    asset_checks=[is_dense, passes_its_gates],
    jobs=[dg.define_asset_job(f"books_{name}", selection="*") for name in ("daily_scoring", "load_days", "since_last")],
)
KEYS = [dg.AssetCheckKey(dg.AssetKey("recommendations_release"), name) for name in ("is_dense", "passes_its_gates")]
WATCHED = Watched(
    "books_", ["books_load_days", "books_daily_scoring", "books_since_last"], KEYS, ["books_source_changes"]
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    FAULTS.clear()
    with dg.instance_for_test() as opened:
        yield opened


def run(
    instance: dg.DagsterInstance, *faults: str, tags: dict[str, str] | None = None, of: str = "daily_scoring"
) -> None:
    FAULTS.clear()
    FAULTS.update(faults)
    job = DEFS.resolve_job_def(f"books_{of}")
    job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)


def found(instance: dg.DagsterInstance) -> dict[str, tuple[str, str]]:
    return {one.key: (one.severity, one.summary) for one in collect_dagster(instance, WATCHED).findings}


def test_nothing_is_wrong_before_anything_ran(instance: dg.DagsterInstance) -> None:
    assert found(instance) == {}


def test_a_failed_run_is_told_in_its_own_words_until_one_succeeds(instance: dg.DagsterInstance) -> None:
    run(instance, "run")
    words = "The run failed: step recommendations_release: the disk is full"
    # Its checks were skipped with it, and say nothing.
    assert found(instance) == {"daily_scoring/run": ("error", words)}
    run(instance)
    assert found(instance) == {}


DAY, DAY_BEFORE = {"dagster/partition": "2026-11-24"}, {"dagster/partition": "2026-11-23"}
RANGE = {"dagster/asset_partition_range_start": "2026-11-23", "dagster/asset_partition_range_end": "2026-11-24"}


def test_an_older_day_that_succeeds_says_nothing_of_a_newer_one(instance: dg.DagsterInstance) -> None:
    run(instance, "run", tags=DAY)
    run(instance, tags=DAY_BEFORE)
    words = "The run of 2026-11-24 failed: step recommendations_release: the disk is full"
    assert found(instance) == {"daily_scoring/run": ("error", words)}
    run(instance, tags=DAY)
    assert found(instance) == {}


def test_a_failed_load_ends_when_its_last_day_was_scored(instance: dg.DagsterInstance) -> None:
    run(instance, "run", tags=RANGE, of="load_days")
    words = "The run of 2026-11-23 to 2026-11-24 failed: step recommendations_release: the disk is full"
    assert found(instance) == {"load_days/run": ("error", words)}
    run(instance, tags=DAY_BEFORE)
    assert found(instance) == {"load_days/run": ("error", words)}
    run(instance, tags=DAY)
    assert found(instance) == {}


def test_a_failed_micro_batch_ends_when_one_succeeds_or_a_day_was_scored(instance: dg.DagsterInstance) -> None:
    for good in ("since_last", "daily_scoring"):
        run(instance, "run", of="since_last")
        assert found(instance).keys() == {"since_last/run"}
        run(instance, of=good)
        assert found(instance) == {}


def test_a_failed_check_stays_failed_while_it_is_planned_again_or_skipped(instance: dg.DagsterInstance) -> None:
    run(instance, "check")
    expected = found(instance)
    assert expected.keys() == {"recommendations_release/check:is_dense"}
    job = DEFS.resolve_job_def("books_daily_scoring")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert found(instance) == expected
    run(instance, "run")
    assert found(instance).keys() == {"daily_scoring/run", *expected}


def test_a_run_that_will_be_retried_is_not_told(instance: dg.DagsterInstance) -> None:
    run(instance, "run", tags={"dagster/will_retry": "true"})
    assert "daily_scoring/run" not in found(instance)


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        (("check",), ("error", "is_dense: 3 lists have gaps.")),
        (("check", "warn"), ("warning", "is_dense: 3 lists have gaps.")),
        (("raise",), ("error", "is_dense could not be evaluated: it raised an error.")),
    ],
)
def test_a_check_that_fails_or_raises_is_told_until_it_passes(
    instance: dg.DagsterInstance, faults: tuple[str, ...], expected: tuple[str, str]
) -> None:
    run(instance, *faults)
    assert found(instance) == {"recommendations_release/check:is_dense": expected}
    run(instance)
    assert found(instance) == {}


def test_a_blocked_release_is_told_by_the_database_alone(instance: dg.DagsterInstance) -> None:
    run(instance, "gates")
    assert found(instance) == {}


def test_a_tick_that_fails_is_told_until_one_succeeds(instance: dg.DagsterInstance) -> None:
    location = RegisteredCodeLocationOrigin("books")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), "books_source_changes")
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData())
    instance.add_instigator_state(state)

    def tick(status: TickStatus) -> None:
        words = SerializableErrorInfo("UserError: the feed's folder is gone\n", [], "UserError")
        instance.create_tick(
            TickData(
                instigator_origin_id=state.instigator_origin_id,
                instigator_name=state.instigator_name,
                instigator_type=InstigatorType.SENSOR,
                status=status,
                timestamp=time.time(),
                selector_id=state.selector_id,
                error=words if status == TickStatus.FAILURE else None,
            )
        )

    tick(TickStatus.FAILURE)
    tick(TickStatus.STARTED)
    words = "The last tick of books_source_changes failed: UserError: the feed's folder is gone"
    assert found(instance)["source_changes/tick"] == ("error", words)
    tick(TickStatus.SKIPPED)
    assert found(instance) == {}


def test_a_daemon_without_a_heartbeat_is_told() -> None:
    with dg.instance_for_test() as instance:
        kinds = instance.get_required_daemon_types()
        for kind in kinds:
            age = 4000 if kind == "SCHEDULER" else 0
            instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age, kind, None, []))
        assert found(instance)["dagster/daemon"] == ("error", "Daemons without a heartbeat: scheduler.")
