"""Delivering the outbox: each due message to its channel, again after a failure, then to the channel's fallback.

A message is marked as sent after the channel has taken it: a sender that dies in between sends it again, never not.
Rows are locked while they are sent, so that two senders do not send one message twice.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ml_assets.alerts.send.channels import SECONDS_TO_SEND, send
from ml_assets.alerts.store.outbox import Queued, claim, due, enqueue, note_channel, settle
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import act_as_writer
from ml_assets.settings.shop import Settings

# Two attempts, then the fallback; without one, ever longer waits for two days.
ATTEMPTS_BEFORE_FALLBACK = 2
FIRST_WAIT = timedelta(seconds=30)
GRACE_OF_UNKNOWN = timedelta(minutes=10)
LONGEST_WAIT = timedelta(hours=1)
KEEP_TRYING = timedelta(days=2)


@dataclass(frozen=True)
class Delivery:
    """What became of a message."""

    channel: str
    title: str
    error: str | None
    """Why the channel did not take it; None: sent."""


def deliver(
    connection: ServingConnection, settings: Settings, *, now: datetime, seconds: float = SECONDS_TO_SEND
) -> list[Delivery]:
    """Send everything that is due; failures are noted, never raised."""
    done: list[Delivery] = []
    silent: set[str] = set()
    while numbers := due(connection, now):
        progress = False
        for number in numbers:
            with connection.transaction():
                connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                act_as_writer(connection)
                message = claim(connection, number)
                if message is None or message.channel in silent or _is_known_elsewhere(settings, message, now):
                    continue
                progress = True
                error = _attempt(connection, settings, message, now, seconds)
            if error is not None:
                # A channel that hangs must not hold up the others once for every message.
                silent.add(message.channel)
            done.append(Delivery(message.channel, message.title, error))
        if not progress:
            break
    return done


def _is_known_elsewhere(settings: Settings, message: Queued, now: datetime) -> bool:
    """Whether the writer of a message may know its channel from newer settings, and send it at once."""
    return message.channel not in settings.alerts.channels and now - message.created_at < GRACE_OF_UNKNOWN


def _attempt(
    connection: ServingConnection, settings: Settings, message: Queued, now: datetime, seconds: float
) -> str | None:
    channel = settings.alerts.channels.get(message.channel)
    if channel is None:
        settle(connection, message.message_id, state="given_up", now=now, error="The channel is not in the settings.")
        return "The channel is not in the settings any more."
    error = send(channel.url.get_secret_value(), message.message, seconds=seconds)
    note_channel(connection, message.channel, error=error, now=now)
    if error is None:
        settle(connection, message.message_id, state="sent", now=now)
        return None
    tried = message.attempts + 1
    if tried >= ATTEMPTS_BEFORE_FALLBACK and channel.fallback:
        words = message.message
        enqueue(connection, words, number=message.number, channel=channel.fallback, now=now, not_before=now)
        settle(connection, message.message_id, state="passed_on", now=now, error=error)
    elif now - message.created_at > KEEP_TRYING:
        settle(connection, message.message_id, state="given_up", now=now, error=error)
    else:
        wait = min(FIRST_WAIT * 2 ** min(tried - 1, 10), LONGEST_WAIT)
        settle(connection, message.message_id, state="queued", now=now, error=error, not_before=now + wait)
    return error
