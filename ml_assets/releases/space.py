"""Space that retired releases take until they are dropped, and dropping them now.

When they are dropped by themselves is in `retention.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from psycopg.rows import class_row

from ml_assets.database.connection import ServingConnection
from ml_assets.releases.retention import drop_retired
from ml_assets.subjects import PUBLISHED


@dataclass(frozen=True)
class RetiredRelease:
    """A retired release whose rows are still there."""

    subject: str
    release_id: int
    size: int
    """In bytes, indexes among them."""


def retired_releases(connection: ServingConnection) -> list[RetiredRelease]:
    """Those that are not dropped yet, oldest first."""
    query = """
        SELECT r.subject, r.release_id, coalesce(pg_total_relation_size(c.oid), 0) AS size
        FROM {meta}.releases AS r
        LEFT JOIN pg_class AS c ON c.relname = r.subject || '_' || r.release_id
            AND c.relnamespace = to_regnamespace(quote_ident(%s))
        WHERE r.state = 'retired' AND r.dropped_at IS NULL
        ORDER BY r.release_id
    """
    with connection.cursor(row_factory=class_row(RetiredRelease)) as cursor:
        return cursor.execute(connection.schemas.sql(query), [connection.schemas.store]).fetchall()


def drop_now(connection: ServingConnection) -> tuple[list[RetiredRelease], list[RetiredRelease]]:
    """Drop the rows of all retired releases that nobody reads; those dropped, and those that somebody still reads."""
    before = retired_releases(connection)
    for subject in PUBLISHED:
        drop_retired(connection, subject, grace=timedelta(0))
    left = {release.release_id for release in retired_releases(connection)}
    return (
        [release for release in before if release.release_id not in left],
        [release for release in before if release.release_id in left],
    )


def megabytes(sizes: Sequence[int]) -> str:
    """Bytes as people read them."""
    return f"{sum(sizes) / 1e6:,.1f} MB"
