"""What a person must mend fails at once, in the same words; what may pass is tried again."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from ml_assets.dagster.build import build_defs
from ml_assets.dagster.failures import Crash, Problem, failure_of, final_failures
from ml_assets.dagster.io_manager import LakeIOManager, everybody
from ml_assets.database.faults import explain_connection_fault
from ml_assets.errors import PassingError, UserError
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets.sources.faults import unreadable_file

RETRY = dg.RetryPolicy(max_retries=2)


def raising(error: Exception) -> dg.AssetsDefinition:
    @dg.asset(name="step", retry_policy=RETRY)
    @final_failures
    def step() -> None:
        raise error from ValueError("libpq says no")

    return step


def raising_late(error: Exception) -> dg.AssetsDefinition:
    @dg.multi_asset(name="step", outs={"first": dg.AssetOut(), "second": dg.AssetOut()}, op_tags={})
    @final_failures
    def step() -> Iterator[dg.Output[int]]:
        yield dg.Output(1, "first")
        raise error

    return step


def attempts(*assets: dg.AssetsDefinition | dg.AssetSpec, **resources: object) -> tuple[int, str]:
    """How often the step was tried, and what is told in the end."""
    definitions = dg.Definitions(
        assets=assets,
        jobs=[dg.define_asset_job("job", selection="*", op_retry_policy=RETRY)],
        resources=resources,
    )
    result = definitions.resolve_job_def("job").execute_in_process(raise_on_error=False)
    tries = 1 + sum(event.is_step_up_for_retry for event in result.all_events)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    return tries, Crash.of(failure.step_key, failure.step_failure_data.error).words


@pytest.mark.parametrize("make", [raising, raising_late])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UserError("The file a.csv has no column b.", "Map it."), 1),
        (PassingError("The connection was lost.", "Wait."), 3),
    ],
)
def test_only_what_may_pass_is_tried_again_and_both_keep_their_words(make, error: UserError, expected: int) -> None:  # type: ignore[no-untyped-def]
    assert attempts(make(error)) == (expected, str(error))


@pytest.mark.parametrize("error", [OSError("no route to the store"), RuntimeError("nobody foresaw this")])
def test_errors_that_nobody_foresaw_are_tried_again(error: Exception) -> None:
    assert attempts(raising_late(error)) == (3, str(error))


def test_the_failure_shows_the_next_step_by_itself() -> None:
    definitions = dg.Definitions(assets=[raising(UserError("It is broken.", "Mend it."))])
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    shown = failure.step_failure_data.user_failure_data
    assert shown is not None
    assert shown.description == "It is broken. Mend it."
    assert shown.metadata["next_step"].value == "Mend it."


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("It is broken.", "Mend it.", code="source.unreadable"), "source.unreadable"),
        (PassingError("It is broken.", "Mend it."), "run.failed"),
        (RuntimeError("It is broken."), "run.failed"),
    ],
)
def test_a_command_tells_the_failure_in_the_words_of_the_step_and_with_its_code(error: Exception, code: str) -> None:
    definitions = dg.Definitions(assets=[raising(error)])
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(raise_on_error=False)
    told = failure_of(result, "scoring 2024-05-31", [Problem("stock: is_small: no.", "is_small")])
    assert told is not None
    assert told.code == code
    foreseen = isinstance(error, UserError)
    words = "It is broken." if foreseen else "Step step failed while scoring 2024-05-31: libpq says no"
    assert told.problem.startswith(words)
    assert told.problem.endswith("Check failed: stock: is_small: no.")
    assert told.next_step.startswith("Mend it. `ml-assets ui` shows the log of run" if foreseen else "`ml-assets ui`")


def test_a_frame_that_is_not_in_the_lake_is_not_waited_for(tmp_path: Path) -> None:
    @dg.asset
    def after(before: pl.LazyFrame) -> None:
        pass

    manager = LakeIOManager(Lake(tmp_path), lambda *_: None, {}, None, without_erased=everybody)
    before = dg.AssetSpec("before").with_io_manager_key("io_manager")
    tries, words = attempts(after, before, io_manager=manager)
    assert tries == 1
    assert "before.parquet is not in the lake. Materialize before for that partition first." in words


@pytest.mark.parametrize(
    ("message", "passes"),
    [
        ('connection failed: FATAL:  password authentication failed for user "x"', False),
        ('connection failed: FATAL:  database "shop" does not exist', False),
        ("connection failed: FATAL:  the database system is starting up", True),
        ('connection failed: FATAL:  too many connections for database "shop"', True),
        ("connection failed: Connection refused", True),
        ("SSL connection has been closed unexpectedly", True),
    ],
)
def test_a_server_that_restarts_passes_and_a_wrong_password_does_not(message: str, passes: bool) -> None:
    fault = explain_connection_fault("postgresql://x:s3cr3t@db.example.com/shop", message)
    assert isinstance(fault, PassingError) == passes


@pytest.mark.parametrize(
    ("path", "error", "passes"),
    [
        ("events/a.parquet", pl.exceptions.ComputeError("not a Parquet file"), False),
        ("events/a.parquet", PermissionError("denied"), False),
        ("events/a.parquet", OSError("stale file handle"), True),
        ("s3://shop/a.parquet", pl.exceptions.ComputeError("object store: timed out"), True),
    ],
)
def test_a_damaged_file_does_not_pass_and_a_store_that_fails_may(path: str, error: Exception, passes: bool) -> None:
    assert isinstance(unreadable_file(path, error), PassingError) == passes


def test_every_step_of_a_shop_fails_finally_where_a_person_must_mend_something(tmp_path: Path) -> None:
    defs = build_defs(Settings(home=tmp_path))
    steps = {node.name: node for job in defs.resolve_all_job_defs() for node in job.nodes_in_topological_order}
    assert {"raw_events", "recommendations_release", "transactions_history_has_no_holes"} <= steps.keys()
    for name, node in steps.items():
        assert hasattr(node.definition.compute_fn.decorated_fn, "__wrapped__"), name  # type: ignore[attr-defined]
