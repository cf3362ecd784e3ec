"""What a run could not read, or not believe, and went on without: it is told until it was read again.

A run that stops tells itself. This is for what lies beside the shop's events, such as who opted out, where going on
with what is known is better than stopping; who decides that writes it down here.
"""

from dataclasses import dataclass
from datetime import datetime

from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing


@dataclass(frozen=True)
class Unread:
    """Something that the last run did without."""

    what: str
    since: datetime
    problem: str
    next_step: str


def note_unread(connection: ServingConnection, what: str, problem: str, next_step: str) -> None:
    """Write down that a run goes on without something; full sentences, without secrets."""
    upsert = """
        INSERT INTO {meta}.unread AS u (what, problem, next_step) VALUES (%s, %s, %s)
        ON CONFLICT (what) DO UPDATE SET problem = excluded.problem, next_step = excluded.next_step
        """
    with writing(connection) as cursor:
        cursor.execute(connection.schemas.sql(upsert), [what, problem, next_step])


def note_read(connection: ServingConnection, what: str) -> None:
    """Write down that it was read."""
    with writing(connection) as cursor:
        cursor.execute(connection.schemas.sql("DELETE FROM {meta}.unread WHERE what = %s"), [what])


def unread(connection: ServingConnection) -> list[Unread]:
    """What the last run did without, by name."""
    query = "SELECT what, since, problem, next_step FROM {meta}.unread ORDER BY what"
    return [Unread(*row) for row in connection.execute(connection.schemas.sql(query))]
