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
from psycopg.types.json import Jsonb

from ml_assets.books.erased import without_erased
from ml_assets.contract.migrate import IdType
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.releases.catalog import Live, live_release
from ml_assets.releases.gates.candidate import Candidate
from ml_assets.releases.gates.gates import judge, not_acceptable, unique_keys
from ml_assets.releases.gates.live_sample import sample_live
from ml_assets.releases.gates.shown_lists import sample_of
from ml_assets.releases.gates.unavailable import unavailable_share
from ml_assets.releases.load import attach_partition, fill_partition, load_segments, upsert_items
from ml_assets.releases.pointer import begin, move_pointer
from ml_assets.releases.readers import Readers
from ml_assets.releases.retention import KEEP, drop_retired, prune_purchases, retire
from ml_assets.releases.rows import Stored, checked
from ml_assets.settings.serving import GateSettings
from ml_assets.subjects import PUBLISHED

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
    """Which gates it fails, in plain sentences."""
    facts: dict[str, float]
    """What the gates measured, by name; shares are 0 to 1."""


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
    active: pl.Series | None = None,
    gates: GateSettings | None = None,
    override: str | None = None,
    keep: int = KEEP,
    give_way: bool = True,
) -> Release:
    """Release the predictions as of `day`: live when it is the newest day and nothing is pinned, ready or blocked.

    `k` items of each list are shown. `items` (item_id, item_name, category) brings names, `segments` the profiles,
    `active` the customers that must have a list. `override` is a person's reason to take what a gate refuses; what
    cannot be read at all stays blocked. `give_way` loads in small steps while others read. Publishing a day again
    replaces that day's release. Waits while another publishes the same subject. Raises `UserError` for frames that
    cannot be stored at all.
    """
    # A connection that was lost has no status; it is told by the first statement.
    if connection.info.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN):
        raise RuntimeError("publish() opens its own transaction; commit or roll back the one that is open.")
    kind = PUBLISHED[subject]
    customer, item = _id_types(connection)
    frame = checked(kind, frame, customer, item)
    schemas = connection.schemas
    try:
        with connection.transaction():
            begin(connection, subject)
            readers = Readers(connection) if give_way else None
            # Under the lock: an erasure waits for those who began before it.
            frame = without_erased(connection, frame)
            rows = Stored(kind, frame)
            live = live_release(connection, subject)
            lists = sample_of(frame, k)
            candidate = Candidate(
                kind,
                frame,
                lists,
                segments=segments,
                active=active,
                limits=gates or GateSettings(),
                # A shop was smaller in the past: a backfilled day is not held against a later one.
                live=sample_live(connection, kind, live, frame) if live and live.day <= day else None,
                is_newer=live is not None and live.day < day,
                unavailable_share=unavailable_share(connection, lists.items()) if kind.lists and frame.height else 0.0,
            )
            insert = (
                "INSERT INTO {meta}.releases "
                "(subject, data_as_of, model_version, run_id, state, k, row_count, key_count) "
                "VALUES (%s, %s, %s, %s, 'blocked', %s, %s, %s) RETURNING release_id"
            )
            facts = [subject, day, model_version, run_id, k, rows.rows, candidate.keys]
            release_id = int(connection.execute(schemas.sql(insert), facts).fetchall()[0][0])
            # Judged before, not while the server loads: on a small machine readers need the processor that is left.
            judged = judge(candidate)
            checksum = fill_partition(connection, kind, release_id, rows, readers=readers)
            attach_partition(connection, kind, release_id, unique=not judged.fails(unique_keys))
            failures = judged.failures
            blocked = bool(failures) and (override is None or bool(not_acceptable(failures)))
            update = (
                "UPDATE {meta}.releases SET checksum = %s, state = %s, reason = %s, gates = %s, facts = %s, "
                "accepted_reason = %s, source_words = %s, reason_words = %s WHERE release_id = %s"
            )
            verdict = ["blocked" if blocked else "ready", judged.reason, Jsonb(failures), Jsonb(judged.facts)]
            words = [rows.source_words, rows.reason_words]
            accepted = override if failures and not blocked else None
            connection.execute(schemas.sql(update), [checksum, *verdict, accepted, *words, release_id])
            if segments is not None:
                load_segments(connection, release_id, segments)
            if not blocked:
                if items is not None:
                    upsert_items(connection, items)
                if _takes_over(live, day):
                    move_pointer(connection, subject, live, release_id, override if failures else None)
            retire(connection, subject, day, release_id, keep=keep)
            if subject == "recommendations":
                prune_purchases(connection)
            state = _state(connection, release_id)
    except (errors.CharacterNotInRepertoire, errors.UntranslatableCharacter) as error:
        raise UserError(
            f"{subject} holds a text that PostgreSQL cannot store: {error.diag.message_primary}.",
            "Remove that character from the ids in the source.",
        ) from error
    except errors.DiskFull as error:
        raise UserError(
            f"The database has no space for this release of {subject}: {error.diag.message_primary}.",
            "Nothing of it was kept and the live release stays; free some space and run the day again.",
        ) from error
    drop_retired(connection, subject)
    return Release(release_id, subject, day, state, rows.rows, checksum, judged.reason, judged.facts)


def _takes_over(live: Live | None, day: date) -> bool:
    return live is None or (day >= live.day and not live.pinned)


def _state(connection: ServingConnection, release_id: int) -> State:
    query = connection.schemas.sql("SELECT state FROM {meta}.releases WHERE release_id = %s")
    state: State = connection.execute(query, [release_id]).fetchall()[0][0]
    return state


def _id_types(connection: ServingConnection) -> tuple[IdType, IdType]:
    query = connection.schemas.sql("SELECT customer_id_type, item_id_type FROM {meta}.shop")
    customer, item = connection.execute(query).fetchall()[0]
    return customer, item
