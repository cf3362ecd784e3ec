"""Who sees what right now: the facts that messages name."""

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
    query = connection.schemas.sql(
        "SELECT r.subject, r.data_as_of, r.key_count, r.published_at, r.run_id FROM {meta}.live AS l "
        "JOIN {meta}.releases AS r USING (release_id)"
    )
    return {row[0]: LiveRelease(*row) for row in connection.execute(query).fetchall()}
