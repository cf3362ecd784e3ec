"""The pointer: which release of a subject readers see, and everything that moves it.

Moving it, pinning it and accepting a blocked release belong here; making releases is in `publish.py`. A move is one
row in one transaction, whatever the size of the release.
"""

from dataclasses import dataclass
from datetime import date

from psycopg.pq import TransactionStatus

from ml_assets.database.ask import one_row
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import act_as_writer
from ml_assets.database.turns import take_turn
from ml_assets.errors import UserError, require_reason
from ml_assets.releases.catalog import Live, live_release
from ml_assets.releases.gates.gates import not_acceptable
from ml_assets.subjects import PUBLISHED, Table


@dataclass(frozen=True)
class Move:
    """What became of the pointer."""

    subject: str
    before: int | None
    after: int
    day: date
    """Of the release that is live now."""


def begin(connection: ServingConnection, subject: str) -> None:
    """One writer per subject at a time, with the writer's rights, and no timeouts meant for short queries.

    To be called first in a transaction. Raises RuntimeError outside of one.
    """
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise RuntimeError("begin() belongs at the start of a transaction.")
    for timeout in ("statement_timeout", "idle_in_transaction_session_timeout"):
        connection.execute("SELECT set_config(%s, '0', true)", [timeout])
    act_as_writer(connection)
    take_turn(connection, f"publish {subject}")


def show(connection: ServingConnection, release_id: int, reason: str | None = None) -> None:
    """Make a ready release live, inside the transaction that `begin` began; sessions plan anew what they prepared."""
    connection.execute(connection.schemas.sql("SELECT {meta}.show_release(%s, %s)"), [release_id, reason])


def keep_ready(connection: ServingConnection, table: Table, release_id: int) -> None:
    """Take a whole release that does not go live into the history of its day, inside such a transaction."""
    if table.has_segments:
        connection.execute(connection.schemas.sql("SELECT {meta}.keep_segment_history(%s)"), [release_id])


def roll_back(connection: ServingConnection, subject: str, *, to: int | None, reason: str) -> Move:
    """Show an earlier release and pin it: publications do not move the pointer until it is unpinned.

    Without `to` it is the newest whole release older than the live one. Raises `UserError` where there is none, or
    the release cannot be shown.
    """
    _require(subject, reason)
    with connection.transaction():
        begin(connection, subject)
        live = live_release(connection, subject)
        if live is None:
            raise UserError(f"Nothing of {subject} is live yet.", "Run `ml-assets run` first.", code="release.refused")
        target = _before(connection, subject, live) if to is None else to
        day = _showable(connection, subject, target)
        if target != live.release_id:
            show(connection, target, reason)
        connection.execute(connection.schemas.sql("SELECT {meta}.pin_live(%s, %s)"), [subject, reason])
    return Move(subject, live.release_id, target, day)


def unpin(connection: ServingConnection, subject: str) -> Move:
    """Let publications move the pointer again, and move it to the newest whole release at once."""
    _require(subject, "unpin")
    with connection.transaction():
        begin(connection, subject)
        live = live_release(connection, subject)
        if live is None or not live.pinned:
            raise UserError(f"{subject} is not pinned.", "`ml-assets releases` shows what is.", code="release.refused")
        newest = """
            SELECT release_id, data_as_of
            FROM {meta}.releases
            WHERE subject = %(subject)s AND state IN ('live', 'ready')
            ORDER BY data_as_of DESC, release_id DESC
            LIMIT 1
        """
        target, day = one_row(connection, newest, {"subject": subject})
        if target != live.release_id:
            show(connection, target, "unpinned")
        connection.execute(connection.schemas.sql("SELECT {meta}.pin_live(%s, NULL)"), [subject])
    return Move(subject, live.release_id, target, day)


def accept(connection: ServingConnection, release_id: int, *, reason: str) -> Move:
    """Take a blocked release although a gate refused it; live where its day is the newest and nothing is pinned."""
    query = connection.schemas.sql("SELECT subject FROM {meta}.releases WHERE release_id = %s")
    row = connection.execute(query, [release_id]).fetchone()
    if row is None:
        raise _unknown(release_id)
    subject = str(row[0])
    _require(subject, reason)
    with connection.transaction():
        begin(connection, subject)
        facts = "SELECT state, data_as_of, gates FROM {meta}.releases WHERE release_id = %s"
        state, day, gates = one_row(connection, facts, [release_id])
        if state != "blocked":
            raise UserError(
                f"Release {release_id} is {state}, not blocked.",
                "`ml-assets releases` lists them.",
                code="release.refused",
            )
        if broken := not_acceptable(gates):
            wrong = " ".join(gates[gate] for gate in broken)
            raise UserError(
                f"Release {release_id} cannot be read as it is: {wrong}",
                "Publish the day again, mended.",
                code="release.refused",
            )
        connection.execute(connection.schemas.sql("SELECT {meta}.accept_release(%s, %s)"), [release_id, reason])
        live = live_release(connection, subject)
        if live is None or (day >= live.day and not live.pinned):
            show(connection, release_id, reason)
            return Move(subject, None if live is None else live.release_id, release_id, day)
        keep_ready(connection, PUBLISHED[subject], release_id)
    return Move(subject, live.release_id, live.release_id, live.day)


def _before(connection: ServingConnection, subject: str, live: Live) -> int:
    query = """
        SELECT release_id
        FROM {meta}.releases
        WHERE subject = %(subject)s AND state = 'ready' AND (data_as_of, release_id) < (%(day)s, %(release_id)s)
        ORDER BY data_as_of DESC, release_id DESC
        LIMIT 1
    """
    row = connection.execute(connection.schemas.sql(query), vars(live) | {"subject": subject}).fetchone()
    if row is None:
        raise UserError(
            f"There is no whole release of {subject} older than the live one of {live.day}.",
            "`ml-assets releases` lists what there is; name one with --to.",
            code="release.refused",
        )
    return int(row[0])


def _showable(connection: ServingConnection, subject: str, release_id: int) -> date:
    query = connection.schemas.sql("SELECT subject, state, data_as_of FROM {meta}.releases WHERE release_id = %s")
    row = connection.execute(query, [release_id]).fetchone()
    if row is None:
        raise _unknown(release_id)
    found, state, day = row
    if found != subject:
        raise UserError(
            f"Release {release_id} is one of {found}, not of {subject}.",
            "Choose one of the same subject.",
            code="release.refused",
        )
    if state == "blocked":
        raise UserError(
            f"Release {release_id} is blocked by its gates.",
            f"Accept it with `ml-assets accept {release_id} --override REASON`.",
            code="release.refused",
        )
    if state == "retired":
        raise UserError(
            f"Release {release_id} is retired; its rows are going away.",
            "Choose one that is ready.",
            code="release.refused",
        )
    return day  # type: ignore[no-any-return]


def _require(subject: str, reason: str) -> None:
    if subject not in PUBLISHED:
        raise UserError(f"There is no subject {subject}.", f"Subjects are {', '.join(PUBLISHED)}.")
    require_reason(reason, "A move of what readers see")


def _unknown(release_id: int) -> UserError:
    return UserError(f"There is no release {release_id}.", "`ml-assets releases` lists them.", code="release.unknown")
