"""Measured drift, one row per day and measure: the past that later days are compared with, and what alerts read."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing


class Measured(Protocol):
    """A value beside its thresholds."""

    @property
    def subject(self) -> str:
        """What was measured."""

    @property
    def metric(self) -> str:
        """How."""

    @property
    def value(self) -> float:
        """The result."""

    @property
    def warn_at(self) -> float:
        """From here on it has changed."""

    @property
    def error_at(self) -> float:
        """From here on it is another population."""

    @property
    def detail(self) -> str:
        """One sentence for people."""


def record_drift(connection: ServingConnection, day: date, rows: Sequence[tuple[Measured, str]]) -> None:
    """Store the measures of a day with their status (ok, warn, error); measuring again replaces them."""
    upsert = """
        INSERT INTO {meta}.drift (day, subject, metric, value, warn_at, error_at, status, detail)
        VALUES (%(day)s, %(subject)s, %(metric)s, %(value)s, %(warn_at)s, %(error_at)s, %(status)s, %(detail)s)
        ON CONFLICT (subject, metric, day) DO UPDATE SET
            value = excluded.value, warn_at = excluded.warn_at, error_at = excluded.error_at,
            status = excluded.status, detail = excluded.detail, measured_at = now()
    """
    facts = ("subject", "metric", "value", "warn_at", "error_at", "detail")
    with writing(connection) as cursor:
        cursor.executemany(
            connection.schemas.sql(upsert),
            [{name: getattr(one, name) for name in facts} | {"day": day, "status": status} for one, status in rows],
        )


def past_values(connection: ServingConnection, subject: str, metric: str, before: date, count: int) -> list[float]:
    """The last values of a measure before a day, newest first."""
    query = connection.schemas.sql(
        "SELECT value FROM {meta}.drift WHERE subject = %s AND metric = %s AND day < %s ORDER BY day DESC LIMIT %s"
    )
    return [row[0] for row in connection.execute(query, [subject, metric, before, count]).fetchall()]


def newest_drift(connection: ServingConnection) -> list[tuple[str, date, list[str], bool]]:
    """Subjects with measures beyond a threshold on their newest day: the day, what is said, whether any is an error."""
    query = """
        SELECT d.subject, d.day, array_agg(d.detail ORDER BY d.status, d.metric), bool_or(d.status = 'error')
        FROM {meta}.drift AS d
        WHERE d.status <> 'ok'
            AND d.day = (SELECT max(n.day) FROM {meta}.drift AS n WHERE n.subject = d.subject)
        GROUP BY 1, 2
        ORDER BY 1
        """
    return connection.execute(connection.schemas.sql(query)).fetchall()


def drifting(connection: ServingConnection) -> list[str]:
    """Subjects whose newest measured day is an error."""
    return [subject for subject, _, _, is_error in newest_drift(connection) if is_error]
