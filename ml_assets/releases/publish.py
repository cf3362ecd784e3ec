"""Publishing: from a frame to a release that readers see, in one transaction.

Order and outcome belong here: lock, load, gates, pointer, history, retention. Readers see the old release or the new
one, whole; a killed publisher leaves nothing; nothing that readers use is renamed or dropped.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

import polars as pl
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from ml_assets.books.erased import without_erased
from ml_assets.database.ask import id_types, one
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.models.segmentation.model import SegmentationModel
from ml_assets.releases.catalog import Live, live_release
from ml_assets.releases.dimensions import counted_anew, keep_numbers, load_segments, upsert_items
from ml_assets.releases.gates.candidate import Candidate
from ml_assets.releases.gates.gates import judge, not_acceptable, unique_keys
from ml_assets.releases.gates.live_sample import LiveSample, sample_history, sample_live
from ml_assets.releases.gates.shown_lists import sample_of
from ml_assets.releases.gates.unavailable import unavailable_share
from ml_assets.releases.partition import attach_partition, fill_partition
from ml_assets.releases.pointer import begin, keep_ready, show
from ml_assets.releases.readers import Readers
from ml_assets.releases.retention import KEEP, MOST_RETIRED, drop_retired, prune_purchases, retire
from ml_assets.releases.rows import ReleaseRows, checked
from ml_assets.settings.serving import GateSettings
from ml_assets.subjects import PUBLISHED, Table

State = Literal["live", "ready", "blocked", "retired"]


@dataclass(frozen=True)
class Publication:
    """The predictions of one subject as of a day, and how they are to be released."""

    subject: str
    frame: pl.DataFrame
    """The subject's columns, one row per key."""
    day: date
    model_version: str
    k: int
    """Items shown of each list."""
    run_id: str | None = None
    items: pl.DataFrame | None = None
    """item_id, item_name, category, and where there are some, brand: to take over."""
    segments: pl.DataFrame | None = None
    """The profiles of the segments, for segment_assignments."""
    segmentation: SegmentationModel | None = None
    """The model that made them, from whose numbers the database assigns others."""
    active: pl.Series | None = None
    """Customers that must have a list."""
    is_like_live: bool = True
    """Whether it is to be compared with the live release; lists of other arms are not."""
    best_sellers: frozenset[str] = frozenset()
    """Placements for which nothing was found better than best-sellers."""
    gates: GateSettings = field(default_factory=GateSettings)
    override: str | None = None
    """A person's reason to take what a gate refuses; what cannot be read at all stays blocked."""
    keep: int = KEEP
    """Releases kept, and as many blocked ones."""
    most_retired: int = MOST_RETIRED
    """Retired ones whose rows stay for the time in which statements may still read them."""
    give_way: bool = True
    """Whether it loads in small steps while others read."""


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


def publish(connection: ServingConnection, new: Publication) -> Release:
    """Release the predictions of a day: live when it is the newest day and nothing is pinned, ready or blocked.

    Publishing a day again replaces that day's release. Waits while another publishes the same subject. Raises
    `UserError` for frames that cannot be stored at all.
    """
    # A connection that was lost has no status; it is told by the first statement.
    if connection.info.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN):
        raise RuntimeError("publish() opens its own transaction; commit or roll back the one that is open.")
    new = replace(new, frame=checked(PUBLISHED[new.subject], new.frame, id_types(connection)))
    with storage_faults(new.subject), connection.transaction():
        begin(connection, new.subject)
        release = _release(connection, new)
    drop_retired(connection, new.subject, most=new.most_retired)
    return release


def _release(connection: ServingConnection, new: Publication) -> Release:
    """All that readers see at once, in the transaction that holds the subject's lock."""
    readers = Readers(connection) if new.give_way else None
    # Under the lock: an erasure waits for those who began before it.
    frame = without_erased(connection, new.frame)
    if new.segments is not None and frame.height < new.frame.height:
        new = replace(new, segments=counted_anew(new.segments, frame))
    new = replace(new, frame=frame)
    table = PUBLISHED[new.subject]
    rows = ReleaseRows(table, new.frame)
    live = live_release(connection, new.subject)
    candidate = _candidate(connection, new, live)
    # Judged before, not while the server loads: on a small machine readers need the processor that is left.
    judged = judge(candidate)
    accepted = new.override if judged.failures and not not_acceptable(judged.failures) else None
    blocked = bool(judged.failures) and accepted is None
    facts = {
        "state": "blocked" if blocked else "ready",
        "key_count": candidate.keys,
        "reason": judged.reason,
        "gates": Jsonb(judged.failures),
        "facts": Jsonb(judged.facts),
        "accepted_reason": accepted,
    }
    release_id = _insert(connection, new, rows, facts)
    checksum = fill_partition(connection, table, release_id, rows, readers=readers)
    attach_partition(connection, table, release_id, unique=not judged.fails(unique_keys), checksum=checksum)
    if new.segments is not None:
        load_segments(connection, release_id, new.segments)
    if new.segmentation is not None:
        keep_numbers(connection, new.segmentation)
    if not blocked:
        if new.items is not None:
            upsert_items(connection, new.items)
        if live is None or (new.day >= live.day and not live.pinned):
            show(connection, release_id, accepted)
        else:
            keep_ready(connection, table, release_id)
    retire(connection, release_id, keep=new.keep)
    if table.is_personal:
        prune_purchases(connection)
    state: State = one(connection, "SELECT state FROM {meta}.releases WHERE release_id = %s", [release_id])
    return Release(release_id, new.subject, new.day, state, rows.rows, checksum, judged.reason, judged.facts)


def _candidate(connection: ServingConnection, new: Publication, live: Live | None) -> Candidate:
    table, lists = PUBLISHED[new.subject], sample_of(new.frame, new.k)
    has_lists = bool(table.lists) and not new.frame.is_empty()
    return Candidate(
        table,
        new.frame,
        lists,
        segments=new.segments,
        active=new.active,
        best_sellers=new.best_sellers,
        limits=new.gates,
        live=_beside(connection, table, new, live),
        is_newer=live is not None and live.day < new.day,
        unavailable_share=unavailable_share(connection, lists.items()) if has_lists else 0.0,
    )


def _beside(connection: ServingConnection, table: Table, new: Publication, live: Live | None) -> LiveSample | None:
    """What the new release is held against: not a later day, as a shop was smaller in the past."""
    if live is None or not new.is_like_live:
        return None
    if live.day <= new.day:
        return sample_live(connection, table, live, new.frame)
    # Of segments the days behind the live one are read, in the history, whatever was live.
    return sample_history(connection, new.frame, new.day) if table.has_segments else None


def _insert(connection: ServingConnection, new: Publication, rows: ReleaseRows, judged: Mapping[str, object]) -> int:
    insert = """
        INSERT INTO {meta}.releases (subject, data_as_of, model_version, run_id, k, row_count, key_count, state, reason,
            gates, facts, accepted_reason, source_words, reason_words)
        VALUES (%(subject)s, %(day)s, %(model_version)s, %(run_id)s, %(k)s, %(row_count)s, %(key_count)s, %(state)s,
            %(reason)s, %(gates)s, %(facts)s, %(accepted_reason)s, %(source_words)s, %(reason_words)s)
        RETURNING release_id
    """
    row = {
        "subject": new.subject,
        "day": new.day,
        "model_version": new.model_version,
        "run_id": new.run_id,
        "k": new.k,
        "row_count": rows.rows,
        "source_words": rows.source_words,
        "reason_words": rows.reason_words,
    }
    return int(one(connection, insert, row | dict(judged)))


@contextmanager
def storage_faults(subject: str) -> Iterator[None]:
    """Explain what PostgreSQL refuses to store."""
    try:
        yield
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
