"""The outbox: messages written together with their incident, sent afterwards, at least once.

Rows and their states belong here; sending is in `send/channels.py`, the order of things in `send/deliver.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg.rows import class_row

from ml_assets.alerts.message import Message, Told
from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection


@dataclass(frozen=True)
class Queued:
    """A message that is due."""

    message_id: int
    incident_id: int | None
    """None: it is about a page."""
    event: Told
    number: int
    channel: str
    severity: str
    title: str
    body: str
    attempts: int
    created_at: datetime

    @property
    def message(self) -> Message:
        """As a channel gets it."""
        return Message(self.title, self.body, self.event, self.severity, self.incident_id)


def enqueue(
    connection: ServingConnection,
    message: Message,
    *,
    number: int,
    channel: str,
    now: datetime,
    not_before: datetime,
) -> None:
    """Write a message down; the same one twice is one."""
    insert = """
        INSERT INTO {meta}.messages (
            incident_id, event, number, channel, severity, title, body, created_at, not_before
        ) VALUES (
            %(incident_id)s, %(event)s, %(number)s, %(channel)s, %(severity)s, %(title)s, %(body)s, %(now)s,
            %(not_before)s
        ) ON CONFLICT DO NOTHING
        """
    when = {"number": number, "channel": channel, "now": now, "not_before": not_before}
    connection.execute(connection.schemas.sql(insert), vars(message) | when)


def withdraw_unsent(connection: ServingConnection, incident_id: int) -> None:
    """Cancel what nobody was told yet about an incident that is over, such as messages of quiet hours."""
    query = connection.schemas.sql(
        "UPDATE {meta}.messages SET state = 'cancelled' WHERE incident_id = %s AND state = 'queued' AND attempts = 0"
    )
    connection.execute(query, [incident_id])


def hurry(connection: ServingConnection, incident_id: int, now: datetime) -> None:
    """Send what waits for the end of the quiet hours now."""
    update = """
        UPDATE {meta}.messages SET not_before = %(now)s
        WHERE incident_id = %(incident_id)s AND state = 'queued' AND attempts = 0 AND not_before > %(now)s
        """
    connection.execute(connection.schemas.sql(update), {"now": now, "incident_id": incident_id})


def channels_told(connection: ServingConnection, incident_id: int) -> list[str]:
    """The channels that were told, or that are still being tried."""
    query = connection.schemas.sql(
        "SELECT DISTINCT channel FROM {meta}.messages WHERE incident_id = %s AND state IN ('sent', 'queued') ORDER BY 1"
    )
    return [row[0] for row in connection.execute(query, [incident_id]).fetchall()]


def due(connection: ServingConnection, now: datetime) -> list[int]:
    """Numbers of the messages to send now, oldest first.

    A message waits for earlier ones of its incident on the same channel, so that nobody hears of an end before the
    beginning.
    """
    query = """
        SELECT m.message_id
        FROM {meta}.messages AS m
        WHERE m.state = 'queued' AND m.not_before <= %(now)s
            AND NOT EXISTS (
                SELECT FROM {meta}.messages AS earlier
                WHERE earlier.incident_id = m.incident_id AND earlier.channel = m.channel
                    AND earlier.state = 'queued' AND earlier.message_id < m.message_id
                    AND earlier.not_before > %(now)s
            )
        ORDER BY m.message_id
        """
    return [row[0] for row in connection.execute(connection.schemas.sql(query), {"now": now}).fetchall()]


def claim(connection: ServingConnection, message_id: int) -> Queued | None:
    """Lock a queued message for the rest of the transaction; None where another sender has it or had it."""
    query = connection.schemas.sql(
        "SELECT message_id, incident_id, event, number, channel, severity, title, body, attempts, created_at "
        "FROM {meta}.messages WHERE message_id = %s AND state = 'queued' FOR UPDATE SKIP LOCKED"
    )
    with connection.cursor(row_factory=class_row(Queued)) as cursor:
        return cursor.execute(query, [message_id]).fetchone()


def settle(
    connection: ServingConnection,
    message_id: int,
    *,
    state: str,
    now: datetime,
    error: str | None = None,
    not_before: datetime | None = None,
) -> None:
    """Note the outcome of an attempt; `state` is the new one, `queued` for another attempt after `not_before`."""
    update = """
        UPDATE {meta}.messages
        SET state = %(state)s, attempts = attempts + 1, error = %(error)s,
            sent_at = CASE WHEN %(state)s = 'sent' THEN %(now)s END,
            not_before = coalesce(%(not_before)s, not_before)
        WHERE message_id = %(message_id)s
        """
    facts = {"state": state, "error": error, "now": now, "not_before": not_before, "message_id": message_id}
    connection.execute(connection.schemas.sql(update), facts)


def note_channel(connection: ServingConnection, channel: str, *, error: str | None, now: datetime) -> int:
    """Note whether a channel worked; returns how often it failed in a row."""
    worked: LiteralString = """
        INSERT INTO {meta}.channels (channel, worked_at) VALUES (%(channel)s, %(now)s)
        ON CONFLICT (channel) DO UPDATE
        SET failing_since = NULL, failures = 0, error = NULL, worked_at = excluded.worked_at
        RETURNING failures
        """
    failed: LiteralString = """
        INSERT INTO {meta}.channels AS c (channel, failing_since, failures, error)
        VALUES (%(channel)s, %(now)s, 1, %(error)s)
        ON CONFLICT (channel) DO UPDATE
        SET failing_since = coalesce(c.failing_since, excluded.failing_since), failures = c.failures + 1,
            error = excluded.error
        RETURNING failures
        """
    query = connection.schemas.sql(worked if error is None else failed)
    return int(one(connection, query, {"channel": channel, "now": now, "error": error}))


def failing_channels(connection: ServingConnection) -> list[tuple[str, str]]:
    """Channels whose last attempts failed, and the newest error of each."""
    query = "SELECT channel, error FROM {meta}.channels WHERE failing_since IS NOT NULL AND failures >= 2 ORDER BY 1"
    return connection.execute(connection.schemas.sql(query)).fetchall()


def undelivered(connection: ServingConnection) -> int:
    """Messages that are due or waiting, quiet hours included."""
    return int(one(connection, "SELECT count(*) FROM {meta}.messages WHERE state = 'queued'"))
