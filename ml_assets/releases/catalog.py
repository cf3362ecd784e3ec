"""Reading what is published: which day of each subject is live, and what became of a day.

Writing releases is in `publish.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from ml_assets.contract.migrate import upgrade
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError


@dataclass(frozen=True)
class Live:
    """The release that readers see."""

    release_id: int
    day: date
    keys: int
    """Different customers, items or scopes."""
    pinned: bool
    k: int


@dataclass(frozen=True)
class ListedRelease:
    """One row of ml.releases, and whether it is pinned."""

    release_id: int
    subject: str
    data_as_of: date
    model_version: str
    rows: int
    checksum: str
    run_id: str | None
    published_at: datetime
    state: str
    reason: str | None
    pinned: bool


def list_releases(connection: ServingConnection, subject: str | None, *, retired: bool) -> list[ListedRelease]:
    """The releases of one subject or all, newest day first."""
    query = """
        SELECT r.*, EXISTS (
            SELECT FROM {meta}.live AS l WHERE l.release_id = r.release_id AND l.pinned_at IS NOT NULL
        ) AS pinned
        FROM {ml}.releases AS r
        WHERE (%(subject)s::text IS NULL OR subject = %(subject)s) AND (%(retired)s OR state <> 'retired')
        ORDER BY subject, data_as_of DESC, release_id DESC
    """
    with connection.cursor(row_factory=class_row(ListedRelease)) as cursor:
        return cursor.execute(connection.schemas.sql(query), {"subject": subject, "retired": retired}).fetchall()


def live_release(connection: ServingConnection, subject: str) -> Live | None:
    """The live release of a subject, or None before the first."""
    query = (
        "SELECT r.release_id, r.data_as_of, r.key_count, l.pinned_at IS NOT NULL, r.k "
        "FROM {meta}.live AS l JOIN {meta}.releases AS r USING (release_id) WHERE l.subject = %s"
    )
    row = connection.execute(connection.schemas.sql(query), [subject]).fetchone()
    return None if row is None else Live(*row)


def live_days(connection: ServingConnection) -> dict[str, date]:
    """The day of the live release of every subject that has one."""
    query = connection.schemas.sql("SELECT subject, data_as_of FROM {ml}.releases WHERE state = 'live'")
    return dict(connection.execute(query).fetchall())


@dataclass(frozen=True)
class Shown:
    """What readers see of a subject, and what became of a day's newest release of it."""

    subject: str
    live_day: date | None
    """None where nothing of it was ever live."""
    pinned_by: str | None
    """None where it is not pinned."""
    pinned_reason: str | None
    release_id: int | None
    """Of the day; None where none was made."""
    state: str | None
    reason: str | None
    """Why it is blocked, or was accepted."""


def shown_beside(connection: ServingConnection, day: date, subjects: Iterable[str]) -> list[Shown]:
    """What readers see of some subjects, beside the releases of a day."""
    query = """
        SELECT s.subject, seen.data_as_of AS live_day, l.pinned_by, l.pinned_reason, made.release_id, made.state,
            made.reason
        FROM unnest(%(subjects)s::text[]) WITH ORDINALITY AS s (subject, number)
        LEFT JOIN {meta}.live AS l ON l.subject = s.subject
        LEFT JOIN {meta}.releases AS seen ON seen.release_id = l.release_id
        LEFT JOIN LATERAL (
            SELECT r.release_id, r.state, r.reason
            FROM {meta}.releases AS r
            WHERE r.subject = s.subject AND r.data_as_of = %(day)s
            ORDER BY r.release_id DESC
            LIMIT 1
        ) AS made ON true
        ORDER BY s.number
    """
    with connection.cursor(row_factory=class_row(Shown)) as cursor:
        return cursor.execute(connection.schemas.sql(query), {"subjects": list(subjects), "day": day}).fetchall()


def published_days(connection: ServingConnection, subject: str) -> set[date]:
    """The days for which a release of a subject was made, whatever became of it."""
    query = connection.schemas.sql("SELECT DISTINCT data_as_of FROM {meta}.releases WHERE subject = %s")
    return {row[0] for row in connection.execute(query, [subject]).fetchall()}


def require_contract(connection: ServingConnection) -> None:
    """Raise `UserError` where nothing has ever been published to this database; bring an older one up to date."""
    name = f"{connection.schemas.ml}.freshness"
    found = connection.execute("SELECT to_regclass(%s)", [name]).fetchone()
    if found is None or found[0] is None:
        raise UserError(
            f"The database has no {name} yet.",
            "Run `ml-assets run` (or `ml-assets demo`) first.",
            code="database.not_set_up",
        )
    upgrade(connection)
