"""The dead man's switch: one round of judging, telling and showing, without Dagster.

The order of things belongs here; the loop and the options are in `cli/watch.py`.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from ml_assets.alerts.incident import Event, Incident
from ml_assets.alerts.judge.evaluate import evaluate
from ml_assets.alerts.send.deliver import deliver
from ml_assets.alerts.store.outbox import undelivered
from ml_assets.alerts.watch.heartbeat import beat
from ml_assets.alerts.watch.metrics import Metrics
from ml_assets.alerts.watch.outage import Outage
from ml_assets.books.activity import read_activity
from ml_assets.books.freshness import clock_of, read_freshness, sync_policies
from ml_assets.contract.migrate import missing_tables
from ml_assets.database.connection import ServingConnection, connect
from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings

NOT_SET_UP = UserError(
    "The database holds no shop yet.",
    "Run `ml-assets run` (or `ml-assets demo`) once; it sets everything up.",
    code="database.not_set_up",
)


@dataclass(frozen=True)
class Round:
    """What one round saw and did."""

    open: tuple[Incident, ...] = ()
    events: tuple[tuple[Event, Incident], ...] = ()
    sent: int = 0
    failures: tuple[str, ...] = ()
    """Channels, heartbeat: what did not work, in words."""
    problem: UserError | None = None
    """Why nothing could be judged."""


def watch_round(settings: Settings, metrics: Metrics, *, now: datetime | None = None) -> Round:
    """Judge everything from the database, send what is due, give a sign of life.

    `now` is the clock's time unless given. An unreachable database is an incident of its own, never an exception.
    """
    outage = Outage(settings)
    moment = now or datetime.now(UTC)
    started = time.perf_counter()
    try:
        with connect(settings) as connection:
            if not _is_set_up(connection):
                metrics.show_outage()
                return Round(failures=_beat(settings, ok=False), problem=NOT_SET_UP)
            if missing := missing_tables(connection):
                raise _older(missing)
            sync_policies(connection, settings)
            moment_of_shop = now or clock_of(connection)
            # Whoever has switched the sensor off does not miss it.
            expected = settings.alerts.enabled
            judged = evaluate(connection, settings, now=moment_of_shop, evaluator="watch", watch_dagster=expected)
            took = time.perf_counter() - started
            deliveries = deliver(connection, settings, now=judged.at)
            rows = read_freshness(connection, judged.at)
            activity = read_activity(connection, settings.name)
            metrics.show(rows, judged.open, activity, undelivered=undelivered(connection), at=judged.at, took=took)
    except (UserError, psycopg.Error) as error:
        problem = error if isinstance(error, UserError) else _lost(error)
        metrics.show_outage()
        is_answer = isinstance(error, psycopg.Error) and not isinstance(error, psycopg.OperationalError)
        answers = is_answer or problem.code in ("database.damaged", "database.older")
        told = outage.failed(problem, moment, cause="unjudged" if answers else "unreachable")
        return Round(sent=len(told), failures=_beat(settings, ok=False), problem=problem)
    told = outage.worked(moment)
    failures = tuple(f"channel {done.channel}: {done.error}" for done in deliveries if done.error is not None)
    sent = len(told) + sum(done.error is None for done in deliveries)
    return Round(judged.open, judged.events, sent, failures + _beat(settings, ok=True))


def _beat(settings: Settings, *, ok: bool) -> tuple[str, ...]:
    if settings.alerts.heartbeat_url is None:
        return ()
    problem = beat(settings.alerts.heartbeat_url.get_secret_value(), ok=ok)
    return (problem,) if problem else ()


def _older(missing: list[str]) -> UserError:
    return UserError(
        f"The database is of an older version of ml-assets; it lacks {', '.join(missing)}.",
        "`ml-assets run` brings it up to date, and so does any command that shows what is in it.",
        code="database.older",
    )


def _lost(error: psycopg.Error) -> UserError:
    words = str(error).strip().splitlines() or ["no reason given"]
    if isinstance(error, psycopg.OperationalError):
        return UserError(
            f"The connection to the database was lost: {words[0]}.",
            "Check that the server runs.",
            code="database.unreachable",
        )
    next_step = "Run the same version of ml-assets everywhere; `ml-assets run` brings the database up to date."
    return UserError(f"The database could not be judged: {words[0]}.", next_step)


def _is_set_up(connection: ServingConnection) -> bool:
    found = connection.execute("SELECT to_regclass(%s)", [f"{connection.schemas.meta}.incidents"]).fetchone()
    return found is not None and found[0] is not None
