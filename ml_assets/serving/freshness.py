"""Freshness: what was seen how new, what is allowed, and the verdict.

The verdict itself is the view `ml.freshness`; here its inputs are written and it is read. It is judged from what the
data contains, never from when something ran.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from psycopg.rows import class_row

from ml_assets.serving.connection import ServingConnection
from ml_assets.serving.roles import act_as_writer
from ml_assets.settings.shop import Settings

Kind = Literal["data", "features", "model", "predictions"]

JUDGED: dict[Kind, tuple[str, ...]] = {
    "data": ("transactions",),
    "features": ("interactions", "customer_features"),
    "model": ("recommender_model", "segmentation_model"),
    "predictions": ("recommendations", "segment_assignments", "similar_items", "popular_items"),
}
"""The subjects of ml.freshness. A model's subject is its kind in the registry and `_model`."""


@dataclass(frozen=True)
class Freshness:
    """One row of ml.freshness."""

    subject: str
    kind: Kind
    data_as_of: date | None
    updated_at: datetime | None
    age: timedelta | None
    warn_after: timedelta
    error_after: timedelta
    status: Literal["fresh", "warn", "stale", "missing"]


def sync_policies(connection: ServingConnection, settings: Settings) -> None:
    """Take the limits and the time zone over from the settings."""
    sql = connection.schemas.sql
    rows = []
    for kind, subjects in JUDGED.items():
        limits = getattr(settings.freshness, kind)
        rows += [(subject, kind, limits.warn_after, limits.error_after) for subject in subjects]
    upsert = (
        "INSERT INTO {meta}.freshness_policies AS p (subject, kind, warn_after, error_after) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (subject, kind) DO UPDATE "
        "SET warn_after = excluded.warn_after, error_after = excluded.error_after "
        "WHERE (p.warn_after, p.error_after) <> (excluded.warn_after, excluded.error_after)"
    )
    with connection.transaction(), connection.cursor() as cursor:
        act_as_writer(connection)
        cursor.executemany(sql(upsert), rows)
        cursor.execute(
            sql("DELETE FROM {meta}.freshness_policies WHERE subject <> ALL (%s)"), [[row[0] for row in rows]]
        )
        zone = settings.timezone
        cursor.execute(sql("UPDATE {meta}.shop SET timezone = %s WHERE timezone <> %s"), [zone, zone])


def observe(connection: ServingConnection, subject: str, kind: Literal["data", "features"], day: date) -> None:
    """Note that a subject contains `day`. An older day than noted confirms nothing new and changes only the time."""
    upsert = (
        "INSERT INTO {meta}.observations AS o (subject, kind, data_as_of, updated_at) VALUES (%s, %s, %s, now()) "
        "ON CONFLICT (subject, kind) DO UPDATE SET updated_at = now(), "
        "data_as_of = greatest(o.data_as_of, excluded.data_as_of)"
    )
    with connection.transaction():
        act_as_writer(connection)
        connection.execute(connection.schemas.sql(upsert), [subject, kind, day])


def read_freshness(connection: ServingConnection) -> list[Freshness]:
    """The verdict on every subject, the worst first."""
    query = connection.schemas.sql(
        "SELECT subject, kind, data_as_of, updated_at, age, warn_after, error_after, status FROM {ml}.freshness "
        "ORDER BY array_position(ARRAY['stale', 'missing', 'warn', 'fresh'], status), kind, subject"
    )
    with connection.cursor(row_factory=class_row(Freshness)) as cursor:
        return cursor.execute(query).fetchall()
