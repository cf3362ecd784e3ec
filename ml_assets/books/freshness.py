"""Freshness: what was seen how new, what is allowed, and the verdict.

The verdict itself is the view `ml.freshness`; here its inputs are written and it is read. It is judged from what the
data contains, never from when something ran.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import act_as_writer
from ml_assets.settings.shop import Settings
from ml_assets.subjects import SUBJECTS, Kind


@dataclass(frozen=True)
class Freshness:
    """One row of ml.freshness."""

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
    reason: str | None
    """Why it is not fresh."""


def sync_policies(connection: ServingConnection, settings: Settings) -> None:
    """Take limits, calendar and time zone over from the settings."""
    sql = connection.schemas.sql
    volume = settings.freshness.volume
    rows: list[list[object]] = []
    for subject in SUBJECTS.values():
        limits = settings.freshness.of(subject.kind, subject.name)
        at, zone = limits.due or (None, None)
        error_after = limits.error_after
        if at is not None:
            # For those who read ages only: the same moment, as long as every day has business.
            error_after = timedelta(hours=24 + at.hour, minutes=at.minute)
        warn_after = min(limits.warn_after, error_after)
        is_data, is_model = subject.kind == "data", subject.kind == "model"
        shares = [volume.warn_below, volume.error_below, volume.weeks] if is_data else [None] * 3
        rows.append([subject.name, subject.kind, warn_after, error_after, at, zone, not is_model, *shares])
    facts = (
        "warn_after, error_after, deadline, deadline_zone, business_days_only, volume_warn, volume_error, volume_weeks"
    )
    names = facts.split(", ")
    upsert = connection.schemas.sql(
        "INSERT INTO {meta}.freshness_policies AS p (subject, kind, {facts}) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (subject, kind) DO UPDATE SET ({facts}) = "
        "({news}) WHERE ({olds}) IS DISTINCT FROM ({news})",
        facts=SQL(", ").join(map(Identifier, names)),
        news=SQL(", ").join(Identifier("excluded", name) for name in names),
        olds=SQL(", ").join(Identifier("p", name) for name in names),
    )
    with connection.transaction(), connection.cursor() as cursor:
        act_as_writer(connection)
        cursor.executemany(upsert, rows)
        cursor.execute(
            sql("DELETE FROM {meta}.freshness_policies WHERE subject <> ALL (%s)"), [[row[0] for row in rows]]
        )
        shop = [settings.timezone, settings.calendar.numbers()]
        update = "UPDATE {meta}.shop SET (timezone, business_days) = (%s, %s::smallint[]) "
        update += "WHERE (timezone, business_days) IS DISTINCT FROM (%s, %s::smallint[])"
        cursor.execute(sql(update), [*shop, *shop])
    _sync_holidays(connection, settings, clock_of(connection).year)


def _sync_holidays(connection: ServingConnection, settings: Settings, year: int) -> None:
    """Holidays of the years around the present one; older years stay, so that the past is judged as it was."""
    sql = connection.schemas.sql
    closed = settings.calendar.closed_days(year - 1, year + 2)
    known = connection.execute(sql("SELECT day, name FROM {meta}.holidays WHERE day >= %s"), [date(year - 1, 1, 1)])
    if dict(known.fetchall()) == {day: name for day, name in closed.items() if day >= date(year - 1, 1, 1)}:
        return
    with connection.transaction(), connection.cursor() as cursor:
        act_as_writer(connection)
        cursor.execute(sql("DELETE FROM {meta}.holidays WHERE day >= %s"), [date(year - 1, 1, 1)])
        # One statement, because after each one the moments at which releases become stale are computed anew.
        cursor.execute(
            sql(
                "INSERT INTO {meta}.holidays SELECT * FROM unnest(%s::date[], %s::text[]) "
                "ON CONFLICT (day) DO UPDATE SET name = excluded.name"
            ),
            [list(closed), list(closed.values())],
        )


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
    upsert = (
        "INSERT INTO {meta}.observations AS o (subject, kind, data_as_of, updated_at) VALUES (%s, %s, %s, now()) "
        "ON CONFLICT (subject, kind) DO UPDATE SET updated_at = now(), "
        "data_as_of = greatest(o.data_as_of, excluded.data_as_of)"
    )
    with connection.transaction():
        act_as_writer(connection)
        connection.execute(connection.schemas.sql(upsert), [subject, kind, day])


def read_freshness(connection: ServingConnection, at: datetime | None = None) -> list[Freshness]:
    """The verdict on every subject now, or at a moment; the worst first."""
    query = connection.schemas.sql(
        "SELECT subject, kind, data_as_of, updated_at, age, warn_after, error_after, status, stale_at, row_count, "
        "usual_row_count, reason FROM {ml}.freshness_at(coalesce(%s, now() + (SELECT clock_shift FROM {meta}.shop))) "
        "ORDER BY array_position(ARRAY['stale', 'missing', 'warn', 'fresh'], status), kind, subject"
    )
    with connection.cursor(row_factory=class_row(Freshness)) as cursor:
        return cursor.execute(query, [at]).fetchall()


def clock_shift(connection: ServingConnection) -> timedelta:
    """How far the clock for judging is ahead of the machine's: zero but in a demonstration."""
    row = connection.execute(connection.schemas.sql("SELECT clock_shift FROM {meta}.shop")).fetchone()
    return row[0] if row else timedelta()


def clock_of(connection: ServingConnection) -> datetime:
    """What the time is for judging: the machine's clock, shifted in a demonstration."""
    return datetime.now(UTC) + clock_shift(connection)
