"""Which runs are unfinished, and which of them a killed command left."""

from datetime import date

import dagster as dg
import pytest

from ml_assets.dagster.runs import UNFINISHED, close_killed_runs, days_of, range_tags

TAGS = {"ml_assets/started_by": "command line", "ml_assets/shop": "books"}


@dg.asset
def transactions() -> None:
    pass


JOB = dg.Definitions(assets=[transactions], jobs=[dg.define_asset_job("load_days")]).resolve_job_def("load_days")


# Only a daemon queues runs.
@pytest.mark.parametrize("status", [status for status in UNFINISHED if status != dg.DagsterRunStatus.QUEUED])
def test_whatever_a_killed_command_left_is_closed(status: dg.DagsterRunStatus) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(JOB, tags=TAGS, status=status)
        close_killed_runs(instance, TAGS)
        found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status == dg.DagsterRunStatus.FAILURE


def test_runs_of_other_shops_of_the_schedules_and_those_that_the_daemon_started_again_go_on() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for tags in ({**TAGS, "ml_assets/shop": "toys"}, {}):
            instance.create_run_for_job(JOB, tags=tags, status=dg.DagsterRunStatus.STARTED)
        killed = instance.create_run_for_job(JOB, tags=TAGS, status=dg.DagsterRunStatus.FAILURE)
        instance.create_run_for_job(
            JOB,
            tags=TAGS,
            status=dg.DagsterRunStatus.STARTED,
            parent_run_id=killed.run_id,
            root_run_id=killed.run_id,
        )
        close_killed_runs(instance, TAGS)
        assert len(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))) == 3


def test_a_run_tells_the_days_that_it_is_for() -> None:
    def days(tags: dict[str, str]) -> tuple[str, str] | None:
        return days_of(dg.DagsterRun("load_days", tags=tags))

    assert days(range_tags(date(2024, 5, 1), date(2024, 5, 3))) == ("2024-05-01", "2024-05-03")
    assert days({"dagster/partition": "2024-05-01"}) == ("2024-05-01", "2024-05-01")
    assert days({}) is None
