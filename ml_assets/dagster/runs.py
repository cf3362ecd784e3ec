"""Runs of an instance: the days that their tags name, which are unfinished, and those that a killed command left.

Why a step failed is told in `failures.py`; what follows from a run is decided by whoever asks.
"""

from collections.abc import Mapping
from datetime import date

import dagster as dg

PARTITION = "dagster/partition"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
WILL_RETRY = "dagster/will_retry"
# A run that was only created, or is being cancelled, may still do its work, or its command was killed at that moment.
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def range_tags(first: date, last: date) -> dict[str, str]:
    """The tags of a run over a range of days."""
    return {RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}


def days_of(run: dg.DagsterRun) -> tuple[str, str] | None:
    """First and last partition of a run; None of one without partitions."""
    first = run.tags.get(PARTITION) or run.tags.get(RANGE_START)
    last = run.tags.get(PARTITION) or run.tags.get(RANGE_END)
    return (first, last) if first and last else None


def close_killed_runs(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> None:
    """Fail the unfinished runs of commands with these tags; only for one who knows that none of them is alive.

    A run that was started again in the UI, or by the daemon, has the tags too, but works in another process.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED, tags=dict(tags))):
        if run.parent_run_id is None:
            instance.report_run_failed(run, message="The command that ran it was killed.")
