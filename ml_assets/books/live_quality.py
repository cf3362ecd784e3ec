"""What became of the lists that were live, day by day: written down, and read by people, plots and alerts."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import class_row

from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.database.turns import take_turn

LEAST_CUSTOMERS = 30
"""Who bought, without which a day says nothing about a promise."""
TURN = "live quality"


@dataclass(frozen=True)
class LiveDay:
    """One row of `ml.live_quality`, as far as it is shown."""

    day: date
    placement: str
    model_version: str
    method: str
    was_live: bool
    horizon: int
    customers: int
    listed_share: float | None
    hit_rate: float | None
    hit_rate_low: float | None
    hit_rate_high: float | None
    recall: float | None
    ndcg: float | None
    coverage: float | None
    novelty: float | None
    promised_hit_rate: float | None
    promised_low: float | None
    promised_high: float | None
    least_hit_rate: float | None
    is_below: bool | None

    @property
    def words(self) -> str:
        """One sentence on a day that is below."""
        return (
            f"{self.placement}: {self.hit_rate or 0:.1%} of the buyers bought something of their list of {self.day}; "
            f"{self.promised_hit_rate or 0:.1%} was promised, and {self.least_hit_rate or 0:.1%} is to be expected at "
            "least."
        )


def record_live_quality(
    connection: ServingConnection, day: date, rows: Sequence[dict[str, Any]], places: Sequence[dict[str, Any]]
) -> None:
    """Replace what is known of a day: columns of ml_meta.live_quality and ml_meta.live_places without the day."""
    insert = """
        INSERT INTO {meta}.live_quality (day, placement, release_id, model_version, method, data_as_of, was_live,
            horizon, customers, listed, hit_rate, hit_rate_low, hit_rate_high, recall, ndcg, coverage, items_shown,
            novelty, promised_hit_rate, promised_low, promised_high, least_hit_rate)
        VALUES (%(day)s, %(placement)s, %(release_id)s, %(model_version)s, %(method)s, %(data_as_of)s, %(was_live)s,
            %(horizon)s, %(customers)s, %(listed)s, %(hit_rate)s, %(hit_rate_low)s, %(hit_rate_high)s, %(recall)s,
            %(ndcg)s, %(coverage)s, %(items_shown)s, %(novelty)s, %(promised_hit_rate)s, %(promised_low)s,
            %(promised_high)s, %(least_hit_rate)s)
    """
    insert_place = """
        INSERT INTO {meta}.live_places (day, placement, kind, place, shown, bought)
        VALUES (%(day)s, %(placement)s, %(kind)s, %(place)s, %(shown)s, %(bought)s)
    """
    with writing(connection) as cursor:
        take_turn(connection, TURN)
        cursor.execute(connection.schemas.sql("DELETE FROM {meta}.live_quality WHERE day = %s"), [day])
        cursor.executemany(connection.schemas.sql(insert), [row | {"day": day} for row in rows])
        cursor.executemany(connection.schemas.sql(insert_place), [row | {"day": day} for row in places])


def live_days(connection: ServingConnection, since: date) -> list[LiveDay]:
    """What is known of the days from one on, oldest first."""
    return _select(connection, "FROM {ml}.live_quality WHERE day >= %(since)s ORDER BY day, placement", since=since)


def below_promise(connection: ServingConnection, days: int) -> list[LiveDay]:
    """The newest day of each list that was below what its backtest promised on so many judged days in a row.

    Days on which nobody saw the list, or of very few customers, are passed over; so is a list that was not judged
    within the last four weeks.
    """
    newest: LiteralString = """
        FROM (
            SELECT v.*, row_number() OVER newest AS place,
                bool_and(v.is_below) OVER (newest ROWS BETWEEN CURRENT ROW AND %(more)s FOLLOWING) AS all_below,
                count(*) OVER (newest ROWS BETWEEN CURRENT ROW AND %(more)s FOLLOWING) AS judged
            FROM {ml}.live_quality AS v
            WHERE v.was_live AND v.customers >= %(least)s AND v.is_below IS NOT NULL
            WINDOW newest AS (PARTITION BY v.placement ORDER BY v.day DESC)
        ) AS q
        WHERE q.place = 1 AND q.judged = %(days)s AND q.all_below
            AND q.day > (SELECT max(n.day) FROM {ml}.live_quality AS n) - 28
        ORDER BY q.placement
    """
    return _select(connection, newest, days=days, more=days - 1, least=LEAST_CUSTOMERS)


def _select(connection: ServingConnection, clauses: LiteralString, **values: object) -> list[LiveDay]:
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in fields(LiveDay))
    query = connection.schemas.sql("SELECT {columns} " + clauses, columns=columns)
    with connection.cursor(row_factory=class_row(LiveDay)) as cursor:
        return cursor.execute(query, values).fetchall()
