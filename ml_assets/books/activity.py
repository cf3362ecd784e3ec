"""What is live and what ran last, for metrics.

Runs are read by SQL in Dagster's own table, where it is in the same database: that works while Dagster is dead. What
a failed run means is judged in `dagster/findings.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import errors

from ml_assets.database.connection import ServingConnection
from ml_assets.settings.routable import JOBS

TABLE = "SELECT to_regclass('dagster.runs') IS NOT NULL"
NEWEST = """
    SELECT DISTINCT ON (pipeline_name) pipeline_name, end_time, end_time - start_time, status = 'SUCCESS'
    FROM dagster.runs
    WHERE pipeline_name = ANY (%s) AND start_time IS NOT NULL AND end_time IS NOT NULL
    ORDER BY pipeline_name, end_time DESC
"""
SPENT = """
    SELECT pipeline_name, count(*), sum(end_time - start_time), max(end_time - start_time),
        count(*) FILTER (WHERE status <> 'SUCCESS')
    FROM dagster.runs
    WHERE pipeline_name = ANY (%s) AND start_time >= %s AND end_time IS NOT NULL
    GROUP BY 1
    ORDER BY 3 DESC
"""


@dataclass(frozen=True)
class LastRun:
    """The newest run of a job that has ended."""

    job: str
    """Without the shop's name."""
    ended_at: float
    """Seconds since 1970."""
    seconds: float
    succeeded: bool


@dataclass(frozen=True)
class Spent:
    """What the runs of a job have taken."""

    job: str
    """Without the shop's name."""
    runs: int
    seconds: float
    """Of all together."""
    longest: float
    failed: int


@dataclass(frozen=True)
class Activity:
    """What a shop has done."""

    live_rows: Mapping[str, int]
    """Rows of the live release of each subject that has one."""
    runs: Sequence[LastRun]
    """One for each job that ever ended; none where Dagster keeps its tables elsewhere, or for itself."""


def read_activity(connection: ServingConnection, shop: str) -> Activity:
    """What is live and what ran last, of the shop with that name."""
    live = connection.schemas.sql("SELECT subject, row_count FROM {meta}.releases WHERE state = 'live'")
    return Activity(dict(connection.execute(live).fetchall()), _last_runs(connection, f"{shop}_" if shop else ""))


def time_spent(connection: ServingConnection, shop: str, since: datetime) -> list[Spent]:
    """What runs since a moment have taken, the most first; none where Dagster keeps its tables elsewhere."""
    prefix = f"{shop}_" if shop else ""
    rows = _of_runs(connection, SPENT, prefix, [since.timestamp()])
    return [Spent(job.removeprefix(prefix), *facts) for job, *facts in rows]


def _last_runs(connection: ServingConnection, prefix: str) -> list[LastRun]:
    rows = _of_runs(connection, NEWEST, prefix, [])
    return [LastRun(job.removeprefix(prefix), ended, seconds, succeeded) for job, ended, seconds, succeeded in rows]


def _of_runs(
    connection: ServingConnection, query: LiteralString, prefix: str, values: list[float]
) -> list[tuple[Any, ...]]:
    """The answer of Dagster's table of runs for the jobs of a shop; nothing where it cannot be read."""
    try:
        if connection.execute(TABLE).fetchone() != (True,):
            return []
        return connection.execute(query, [[f"{prefix}{job}" for job in JOBS], *values]).fetchall()
    except (errors.InsufficientPrivilege, errors.UndefinedColumn):
        return []
