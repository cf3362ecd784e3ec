"""What each day of the source held when it was loaded, and the ledger of days that changed, or came late, afterwards.

Only rows are written and read here; comparing is done by `events/fingerprint.py`, acting by `dagster/`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from ml_assets.database.ask import one, one_row
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.database.turns import take_turn
from ml_assets.errors import UserError
from ml_assets.events.fingerprint import NOTHING, DayContent
from ml_assets.lake import Lake


@dataclass(frozen=True)
class Restatement:
    """A day whose content changed after it was first loaded, or that came when features had been built without it."""

    restatement_id: int
    day: date
    rows_before: int
    rows_after: int
    fingerprint_before: str
    fingerprint_after: str
    valid_until: datetime
    """Until when the content before was what was known."""
    rebuilt_at: datetime | None


def known_days(connection: ServingConnection, first: date, last: date) -> dict[date, DayContent]:
    """The content of the days in a range, as loaded."""
    query = connection.schemas.sql(
        "SELECT day, row_count, fingerprint FROM {meta}.source_days WHERE day BETWEEN %s AND %s"
    )
    rows = connection.execute(query, [first, last]).fetchall()
    return {day: DayContent(count, fingerprint) for day, count, fingerprint in rows}


def refuse_lost_lake(connection: ServingConnection, lake: Lake) -> None:
    """Raise `UserError` where days were loaded into a lake that now holds none: it is not mounted, or lost."""
    if lake.partitions("transactions"):
        return
    days, first, last = one_row(connection, "SELECT count(*), min(day), max(day) FROM {meta}.source_days")
    if days:
        raise UserError(
            f"The lake at {lake.root} is empty, but {days} days from {first} to {last} were loaded into it.",
            "Mount it, or set `home` or `lake` to where it is. Where it is lost, `ml-assets run --rebuild-lake` loads "
            "all again from the source.",
            code="lake.missing",
        )


def record_days(
    connection: ServingConnection,
    days: Mapping[date, DayContent],
    *,
    late: Collection[date] = (),
    run_id: str | None = None,
) -> list[date]:
    """Note the content of loaded days; a change goes into the ledger. Returns the days of which there was one.

    The first content of a day is a change where it is `late`: features were built without it.
    """
    if not days:
        return []
    sql = connection.schemas.sql
    upsert = """
        INSERT INTO {meta}.source_days (day, row_count, fingerprint, run_id)
        VALUES (%(day)s, %(rows)s, %(fingerprint)s, %(run_id)s)
        ON CONFLICT (day) DO UPDATE SET
            row_count = excluded.row_count, fingerprint = excluded.fingerprint, run_id = excluded.run_id
    """
    ledger = """
        INSERT INTO {meta}.restatements (day, rows_before, rows_after, fingerprint_before, fingerprint_after,
            valid_until, run_id)
        SELECT n.day, coalesce(s.row_count, 0), %(rows)s, coalesce(s.fingerprint, %(nothing)s), %(fingerprint)s,
            -- A late day is known from the moment on at which it is noted below.
            CASE WHEN s.day IS NULL THEN now() ELSE clock_timestamp() END, %(run_id)s
        FROM (VALUES (%(day)s::date)) AS n (day)
        LEFT JOIN {meta}.source_days AS s USING (day)
    """
    with writing(connection) as cursor:
        take_turn(connection, "note source days")
        before = known_days(connection, min(days), max(days))
        changed = [
            day for day, now in days.items() if (now.differs_from(before[day]) if day in before else day in late)
        ]
        more = {"run_id": run_id, "nothing": NOTHING}
        facts = {day: vars(now) | {"day": day} | more for day, now in days.items()}
        cursor.executemany(sql(ledger), [facts[day] for day in changed])
        cursor.executemany(sql(upsert), list(facts.values()))
    return changed


def restatements(connection: ServingConnection, *, only_pending: bool = False) -> list[Restatement]:
    """The ledger, oldest first."""
    query = """
        SELECT restatement_id, day, rows_before, rows_after, fingerprint_before, fingerprint_after, valid_until,
            rebuilt_at
        FROM {meta}.restatements
        WHERE NOT %(only_pending)s OR rebuilt_at IS NULL
        ORDER BY restatement_id
    """
    with connection.cursor(row_factory=class_row(Restatement)) as cursor:
        return cursor.execute(connection.schemas.sql(query), {"only_pending": only_pending}).fetchall()


def newest_restatement(connection: ServingConnection) -> int:
    """The number of the newest entry of the ledger; 0 where there is none."""
    return int(one(connection, "SELECT coalesce(max(restatement_id), 0) FROM {meta}.restatements"))


def first_noted_day(connection: ServingConnection) -> date | None:
    """The oldest day of which the content was noted."""
    found: date | None = one(connection, "SELECT min(day) FROM {meta}.source_days")
    return found


def first_loads(connection: ServingConnection) -> dict[date, datetime]:
    """When each day was loaded for the first time."""
    return dict(connection.execute(connection.schemas.sql("SELECT day, loaded_at FROM {meta}.source_days")).fetchall())


def mark_rebuilt(connection: ServingConnection, up_to: int) -> None:
    """Note that the partitions behind the ledger's entries were asked for again."""
    query = connection.schemas.sql(
        "UPDATE {meta}.restatements SET rebuilt_at = clock_timestamp() "
        "WHERE restatement_id <= %s AND rebuilt_at IS NULL"
    )
    with writing(connection) as cursor:
        cursor.execute(query, [up_to])
