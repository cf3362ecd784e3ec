"""Publishing: from a frame to a release that readers see, in one transaction.

Order and outcome belong here: lock, load, gates, pointer, history, retention. Readers see the old release or the new
one, whole; a killed publisher leaves nothing; nothing that readers use is renamed or dropped.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl
from psycopg import errors
from psycopg.pq import TransactionStatus

from ml_assets.errors import UserError
from ml_assets.serving.connection import ServingConnection
from ml_assets.serving.gates import Candidate, failed_gates
from ml_assets.serving.load import load_partition, load_segments, upsert_items
from ml_assets.serving.migrate import IdType
from ml_assets.serving.retention import KEEP, drop_retired, retire
from ml_assets.serving.roles import act_as_writer
from ml_assets.serving.subjects import SUBJECTS, checked, stored

State = Literal["live", "ready", "blocked", "retired"]


@dataclass(frozen=True)
class Release:
    """What became of a publication."""

    release_id: int
    subject: str
    day: date
    state: State
    rows: int
    checksum: str
    reason: str | None
    """Why it is blocked, in plain sentences."""


@dataclass(frozen=True)
class _Live:
    release_id: int
    day: date
    keys: int


def publish(
    connection: ServingConnection,
    subject: str,
    frame: pl.DataFrame,
    *,
    day: date,
    model_version: str,
    run_id: str | None,
    k: int,
    items: pl.DataFrame | None = None,
    segments: pl.DataFrame | None = None,
    keep: int = KEEP,
) -> Release:
    """Release the predictions as of `day`: live when it is the newest day, ready when it is older, or blocked.

    `k` items of each list are shown. `items` (item_id, item_name, category) brings names, `segments` the profiles.
    Publishing a day again replaces that day's release. Waits while another publishes the same subject. Raises
    `UserError` for frames that cannot be stored at all.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise RuntimeError("publish() opens its own transaction; commit or roll back the one that is open.")
    kind = SUBJECTS[subject]
    customer, item = _id_types(connection)
    frame = checked(kind, frame, customer, item)
    rows = stored(kind, frame)
    schemas = connection.schemas
    try:
        with connection.transaction():
            _begin(connection, subject)
            live = _live(connection, subject)
            # A shop was smaller in the past: a backfilled day is not held against a later one.
            before = live.keys if live and live.day <= day else None
            candidate = Candidate(kind, frame, segments, before)
            failures = failed_gates(candidate)
            reason = " ".join(failures) or None
            facts = [subject, day, model_version, run_id, "blocked" if failures else "ready", reason, k]
            insert = (
                "INSERT INTO {meta}.releases (subject, data_as_of, model_version, run_id, state, reason, k, row_count, "
                "key_count, source_words, reason_words) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
                "RETURNING release_id"
            )
            facts += [rows.rows, candidate.keys, rows.source_words, rows.reason_words]
            release_id = int(connection.execute(schemas.sql(insert), facts).fetchall()[0][0])
            checksum = load_partition(connection, kind, release_id, rows, unique=not failures)
            update = "UPDATE {meta}.releases SET checksum = %s WHERE release_id = %s"
            connection.execute(schemas.sql(update), [checksum, release_id])
            if segments is not None:
                load_segments(connection, release_id, segments)
            if not failures:
                if items is not None:
                    upsert_items(connection, items)
                if live is None or day >= live.day:
                    _move_pointer(connection, subject, live, release_id)
            retire(connection, subject, day, release_id, keep=keep)
            state = _state(connection, release_id)
    except (errors.CharacterNotInRepertoire, errors.UntranslatableCharacter) as error:
        raise UserError(
            f"{subject} holds a text that PostgreSQL cannot store: {error.diag.message_primary}.",
            "Remove that character from the ids in the source.",
        ) from error
    drop_retired(connection, subject)
    return Release(release_id, subject, day, state, rows.rows, checksum, reason)


def _begin(connection: ServingConnection, subject: str) -> None:
    """One publisher per subject at a time, with the writer's rights, and no timeouts meant for short queries."""
    connection.execute("SET LOCAL statement_timeout = 0")
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    connection.execute("SET LOCAL lock_timeout = 0")
    act_as_writer(connection)
    lock = f"publish {connection.schemas.meta} {subject}"
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [lock])


def _live(connection: ServingConnection, subject: str) -> _Live | None:
    query = (
        "SELECT r.release_id, r.data_as_of, r.key_count FROM {meta}.live AS l JOIN {meta}.releases AS r "
        "USING (release_id) WHERE l.subject = %s"
    )
    row = connection.execute(connection.schemas.sql(query), [subject]).fetchone()
    return None if row is None else _Live(*row)


def _move_pointer(connection: ServingConnection, subject: str, live: _Live | None, release_id: int) -> None:
    """Make a release live. The time is the clock's, not the transaction's: the views wait a minute from it."""
    sql = connection.schemas.sql
    if live is not None:
        connection.execute(sql("UPDATE {meta}.releases SET state = 'ready' WHERE release_id = %s"), [live.release_id])
    connection.execute(sql("UPDATE {meta}.releases SET state = 'live' WHERE release_id = %s"), [release_id])
    moved = "INSERT INTO {meta}.live (subject, release_id, moved_at) VALUES (%s, %s, clock_timestamp()) "
    moved += "ON CONFLICT (subject) DO UPDATE SET release_id = excluded.release_id, moved_at = excluded.moved_at "
    moved_at = connection.execute(sql(moved + "RETURNING moved_at"), [subject, release_id]).fetchall()[0][0]
    until = "UPDATE {meta}.live_history SET live_until = %s WHERE subject = %s AND live_until IS NULL"
    connection.execute(sql(until), [moved_at, subject])
    entry = "INSERT INTO {meta}.live_history (subject, release_id, live_from) VALUES (%s, %s, %s)"
    connection.execute(sql(entry), [subject, release_id, moved_at])


def _state(connection: ServingConnection, release_id: int) -> State:
    query = connection.schemas.sql("SELECT state FROM {meta}.releases WHERE release_id = %s")
    state: State = connection.execute(query, [release_id]).fetchall()[0][0]
    return state


def _id_types(connection: ServingConnection) -> tuple[IdType, IdType]:
    query = connection.schemas.sql("SELECT customer_id_type, item_id_type FROM {meta}.shop")
    customer, item = connection.execute(query).fetchall()[0]
    return customer, item
