"""Freshness: what was seen how new, what is allowed, and the verdict.

The verdict itself is the view `ml.freshness`; here its inputs are written and it is read. It is judged from what the
data contains, never from when something ran.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from psycopg.rows import class_row

from ml_assets.books.imported import imported_subjects
from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.settings.shop import Settings
from ml_assets.subjects import Kind, Subject


@dataclass(frozen=True)
class Freshness:
    """One row of ml.freshness, its two reasons apart."""

    subject: str
    kind: Kind
    data_as_of: date | None
    updated_at: datetime | None
    age: timedelta | None
    warn_after: timedelta
    error_after: timedelta
    status: Literal["fresh", "warn", "stale", "missing"]
    stale_at: datetime | None
    """When it becomes stale unless something newer arrives."""
    row_count: int | None
    """Of data: rows of the newest day."""
    usual_row_count: int | None
    """Of data: the median of the same weekday in the weeks before."""
    age_reason: str | None
    """That it is too old, or has never arrived, and why."""
    volume_reason: str | None
    """Of data: that the newest day has too few rows."""

    @property
    def reason(self) -> str | None:
        """Why it is not fresh, as ml.freshness has it."""
        return self.age_reason or self.volume_reason


def sync_policies(connection: ServingConnection, settings: Settings) -> None:
    """Take limits, calendar and time zone over from the settings."""
    sql = connection.schemas.sql
    subjects = {**settings.subjects, **imported_subjects(connection, settings)}
    upsert = """
        INSERT INTO {meta}.freshness_policies AS p (subject, kind, warn_after, error_after, deadline, deadline_zone,
            business_days_only, volume_warn, volume_error, volume_weeks)
        VALUES (%(subject)s, %(kind)s, %(warn_after)s, %(error_after)s, %(deadline)s, %(deadline_zone)s,
            %(business_days_only)s, %(volume_warn)s, %(volume_error)s, %(volume_weeks)s)
        ON CONFLICT (subject, kind) DO UPDATE SET
            warn_after = excluded.warn_after, error_after = excluded.error_after,
            deadline = excluded.deadline, deadline_zone = excluded.deadline_zone,
            business_days_only = excluded.business_days_only, volume_warn = excluded.volume_warn,
            volume_error = excluded.volume_error, volume_weeks = excluded.volume_weeks
        WHERE p.* IS DISTINCT FROM excluded.*
    """
    update = """
        UPDATE {meta}.shop
        SET timezone = %(zone)s, business_days = %(days)s::smallint[]
        WHERE (timezone, business_days) IS DISTINCT FROM (%(zone)s, %(days)s::smallint[])
    """
    with writing(connection) as cursor:
        cursor.executemany(sql(upsert), [_policy(subject, settings) for subject in subjects.values()])
        cursor.execute(sql("DELETE FROM {meta}.freshness_policies WHERE subject <> ALL (%s)"), [list(subjects)])
        cursor.execute(sql(update), {"zone": settings.timezone, "days": settings.calendar.numbers()})
    _sync_holidays(connection, settings, clock_of(connection).year)


def _policy(subject: Subject, settings: Settings) -> dict[str, object]:
    limits, volume = settings.freshness.of(subject.kind, subject.name), settings.freshness.volume
    deadline, zone = limits.due or (None, None)
    error_after = limits.error_after
    if deadline is not None:
        # For those who read ages only: the same moment, as long as every day has business.
        error_after = timedelta(hours=24 + deadline.hour, minutes=deadline.minute)
    is_data = subject.kind == "data"
    return {
        "subject": subject.name,
        "kind": subject.kind,
        "warn_after": min(limits.warn_after, error_after),
        "error_after": error_after,
        "deadline": deadline,
        "deadline_zone": zone,
        "business_days_only": subject.kind != "model",
        "volume_warn": volume.warn_below if is_data else None,
        "volume_error": volume.error_below if is_data else None,
        "volume_weeks": volume.weeks if is_data else None,
    }


def _sync_holidays(connection: ServingConnection, settings: Settings, year: int) -> None:
    """Holidays of the years around the present one; older years stay, so that the past is judged as it was."""
    sql = connection.schemas.sql
    first = date(year - 1, 1, 1)
    closed = settings.calendar.closed_days(year - 1, year + 2)
    known = connection.execute(sql("SELECT day, name FROM {meta}.holidays WHERE day >= %s"), [first])
    if dict(known.fetchall()) == {day: name for day, name in closed.items() if day >= first}:
        return
    # One statement, because after each one the moments at which releases become stale are computed anew.
    insert = """
        INSERT INTO {meta}.holidays
        SELECT * FROM unnest(%(days)s::date[], %(names)s::text[])
        ON CONFLICT (day) DO UPDATE SET name = excluded.name
    """
    with writing(connection) as cursor:
        cursor.execute(sql("DELETE FROM {meta}.holidays WHERE day >= %s"), [first])
        cursor.execute(sql(insert), {"days": list(closed), "names": list(closed.values())})


def closed_days(connection: ServingConnection, first: date, last: date) -> frozenset[date]:
    """The days without business in a range."""
    query = """
        SELECT d::date FROM generate_series(%s::date, %s::date, interval '1 day') AS d
        WHERE NOT {meta}.is_business_day(d::date)
        """
    found = connection.execute(connection.schemas.sql(query), [first, last]).fetchall()
    return frozenset(day for (day,) in found)


def observe(connection: ServingConnection, subject: str, kind: Literal["data", "features"], day: date) -> None:
    """Note that a subject contains `day`. An older day than noted confirms nothing new and changes only the time."""
    upsert = """
        INSERT INTO {meta}.observations AS o (subject, kind, data_as_of, updated_at)
        VALUES (%(subject)s, %(kind)s, %(day)s, now())
        ON CONFLICT (subject, kind) DO UPDATE SET
            updated_at = now(), data_as_of = greatest(o.data_as_of, excluded.data_as_of)
    """
    with writing(connection) as cursor:
        cursor.execute(connection.schemas.sql(upsert), {"subject": subject, "kind": kind, "day": day})


def read_freshness(connection: ServingConnection, at: datetime | None = None) -> list[Freshness]:
    """The verdict on every subject now, or at a moment; the worst first."""
    query = """
        SELECT subject, kind, data_as_of, updated_at, age, warn_after, error_after, status, stale_at, row_count,
            usual_row_count, age_reason, volume_reason
        FROM {meta}.judge_freshness(coalesce(%(at)s, now() + (SELECT clock_shift FROM {meta}.shop)))
        ORDER BY array_position(ARRAY['stale', 'missing', 'warn', 'fresh'], status), kind, subject
    """
    with connection.cursor(row_factory=class_row(Freshness)) as cursor:
        return cursor.execute(connection.schemas.sql(query), {"at": at}).fetchall()


def clock_shift(connection: ServingConnection) -> timedelta:
    """How far the clock for judging is ahead of the machine's: zero but in a demonstration."""
    shift: timedelta = one(connection, "SELECT clock_shift FROM {meta}.shop")
    return shift


def clock_of(connection: ServingConnection) -> datetime:
    """What the time is for judging: the machine's clock, shifted in a demonstration."""
    return datetime.now(UTC) + clock_shift(connection)
