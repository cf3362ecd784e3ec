"""How good the data were: lines that were set aside, days that came late or were corrected, and what was wrong."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, LiteralString

import polars as pl

from ml_assets.database.connection import ServingConnection
from ml_assets.events.contract import REASONS
from ml_assets.lake import Lake
from ml_assets.reports.rows import rows_of

DAYS = 28
MOST = 12
ASSET = "quarantined_transactions"

LOADED: LiteralString = """
    SELECT count(*) AS days, coalesce(sum(row_count), 0)::bigint AS lines
    FROM {meta}.source_days WHERE day > %(first)s AND day <= %(day)s
"""
CHANGED: LiteralString = """
    SELECT day, rows_before, rows_after, changed_at FROM {ml}.restatements
    WHERE changed_at >= %(first)s AND day <= %(day)s ORDER BY changed_at DESC LIMIT %(most)s
"""
INCIDENTS: LiteralString = """
    SELECT subject, cause, severity, state, summary, opened_at, resolved_at
    FROM {ml}.incidents
    WHERE explained_by IS NULL AND (state <> 'resolved' OR resolved_at >= %(first)s)
    ORDER BY state = 'resolved', opened_at DESC
    LIMIT %(most)s
"""


@dataclass(frozen=True)
class DataQuality:
    """Of the last four weeks."""

    days: int
    """Days with lines."""
    lines: int
    set_aside: list[dict[str, Any]]
    """reason, words, lines: most first."""
    changed: list[dict[str, Any]]
    incidents: list[dict[str, Any]]
    """Open ones first."""

    @property
    def aside(self) -> int:
        """Lines that were set aside."""
        return sum(row["lines"] for row in self.set_aside)

    @property
    def open_incidents(self) -> int:
        """Those that last."""
        return sum(row["state"] != "resolved" for row in self.incidents)


def data_quality(connection: ServingConnection, lake: Lake, day: date) -> DataQuality:
    """The four weeks until a day."""
    first = day - timedelta(days=DAYS)
    (loaded,) = rows_of(connection, LOADED, first=first, day=day)
    return DataQuality(
        loaded["days"],
        loaded["lines"],
        _set_aside(lake, first + timedelta(days=1), day),
        rows_of(connection, CHANGED, first=first, day=day, most=MOST),
        rows_of(connection, INCIDENTS, first=first, most=MOST),
    )


def _set_aside(lake: Lake, first: date, last: date) -> list[dict[str, Any]]:
    days = lake.days_between(ASSET, first, last)
    if not days:
        return []
    counts = lake.scan(ASSET, days).group_by("reason").agg(lines=pl.len()).collect()
    rows = counts.sort("lines", "reason", descending=[True, False]).to_dicts()
    return [row | {"words": REASONS.get(row["reason"], row["reason"])} for row in rows]
