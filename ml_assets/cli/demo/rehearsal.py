"""The rehearsal of an alert in the demonstration shop: the feed stops and the clock moves on, then all is well again.

Everything is real but the clock: the database judges, the incident opens, the message goes through the outbox and
Apprise. Only a file at home is told, whatever channels the settings have.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from ml_assets.alerts.judge.evaluate import Evaluation, evaluate
from ml_assets.alerts.send.deliver import Delivery, deliver
from ml_assets.alerts.store.incidents import lock_evaluation
from ml_assets.books.freshness import clock_of, clock_shift, sync_policies
from ml_assets.cli.demo.inbox import inbox_url
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.settings.alerts import AlertSettings, Channel
from ml_assets.settings.shop import Settings

INBOX = "inbox"
SETTLE = timedelta(seconds=2)
SHIFT = timedelta(days=3)


def with_inbox(settings: Settings, file: Path, command: str) -> Settings:
    """The settings, with the inbox as the only channel; `command` is how the reader calls the program."""
    inbox = Channel(url=SecretStr(inbox_url(file)))
    alerts = AlertSettings(channels={INBOX: inbox}, settle=SETTLE, runbook=settings.alerts.runbook, command=command)
    return settings.model_copy(update={"alerts": alerts})


def break_feed(connection: ServingConnection, settings: Settings) -> tuple[Evaluation, list[Delivery]]:
    """Three days pass without a feed. Raises `UserError` where they already have."""
    require_whole(connection)
    sync_policies(connection, settings)
    judged = _judge(connection, settings, SHIFT)
    return judged, deliver(connection, settings, now=judged.at)


def fix_feed(
    connection: ServingConnection, settings: Settings, report: Callable[[str], None]
) -> tuple[Evaluation, list[Delivery]]:
    """The clock and the feed are as they should be; two good evaluations end the incident."""
    _judge(connection, settings, timedelta())
    report("the first good evaluation may be chance; waiting for the second")
    time.sleep(SETTLE.total_seconds() + 0.5)
    judged = _judge(connection, settings, timedelta())
    return judged, deliver(connection, settings, now=judged.at)


def require_whole(connection: ServingConnection) -> None:
    """Raise `UserError` where a rehearsal is under way."""
    if is_broken(connection):
        raise UserError("The feed is already stopped.", "`ml-assets demo fix` brings it back.")


def is_broken(connection: ServingConnection) -> bool:
    """Whether the clock is shifted."""
    return bool(clock_shift(connection))


def _judge(connection: ServingConnection, settings: Settings, shift: timedelta) -> Evaluation:
    """Shift the clock and judge in one step, so that no other evaluator is first."""
    with connection.transaction():
        lock_evaluation(connection)
        connection.execute(connection.schemas.sql("UPDATE {meta}.shop SET clock_shift = %s"), [shift])
        now: datetime = clock_of(connection)
        # Whether Dagster runs beside the demonstration is no part of it.
        return evaluate(connection, settings, now=now, evaluator="demo", watch_dagster=False)
