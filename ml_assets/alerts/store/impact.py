"""Releases as alerts see them: who sees what right now, and what was kept from being seen."""

from dataclasses import dataclass
from datetime import date, datetime

from ml_assets.database.connection import ServingConnection


@dataclass(frozen=True)
class LiveRelease:
    """What readers of a subject see."""

    subject: str
    day: date
    keys: int
    """Customers, items or scopes in it."""
    published_at: datetime
    run_id: str | None


def live_releases(connection: ServingConnection) -> dict[str, LiveRelease]:
    """The live release of every subject that has one."""
    query = """
        SELECT r.subject, r.data_as_of, r.key_count, r.published_at, r.run_id
        FROM {meta}.live AS l JOIN {meta}.releases AS r USING (release_id)
        """
    return {row[0]: LiveRelease(*row) for row in connection.execute(connection.schemas.sql(query)).fetchall()}


def blocked_releases(connection: ServingConnection) -> list[tuple[str, date, str | None]]:
    """Subject, day and reason where the newest publication was refused, and not for a day older than the live one."""
    query = """
        SELECT r.subject, r.data_as_of, r.reason
        FROM {meta}.releases AS r
        JOIN (
            SELECT subject, max(release_id) AS release_id FROM {meta}.releases GROUP BY subject
        ) AS newest USING (release_id)
        WHERE r.state = 'blocked' AND NOT EXISTS (
            SELECT FROM {meta}.live AS l JOIN {meta}.releases AS o USING (release_id)
            WHERE l.subject = r.subject AND o.data_as_of > r.data_as_of
        )
        """
    return connection.execute(connection.schemas.sql(query)).fetchall()
