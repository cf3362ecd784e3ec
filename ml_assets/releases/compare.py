"""What differs between two releases of a subject: whose rows, how much, and what moved most.

Only comparing belongs here; showing it is in `cli/releases.py`. The database compares, so that nothing big travels.
"""

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from ml_assets.database.ask import one, one_row
from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import partition_name
from ml_assets.errors import UserError
from ml_assets.subjects import PUBLISHED, Table

# Named so that it cannot meet a table of the shop; gone with the transaction.
COMPARED: LiteralString = """
    CREATE TEMP TABLE ml_assets_compared ON COMMIT DROP AS
    SELECT {keys}, a.item_ids IS NOT NULL AS in_a, b.item_ids IS NOT NULL AS in_b,
        a.item_ids IS DISTINCT FROM b.item_ids AS changed,
        (SELECT count(*) FROM unnest(a.item_ids) AS x WHERE x = ANY (b.item_ids))::float8
            / greatest(cardinality(a.item_ids), cardinality(b.item_ids)) AS overlap
    FROM (SELECT {keys}, item_ids[:{k}] FROM {store}.{a}) AS a
    FULL JOIN (SELECT {keys}, item_ids[:{k}] FROM {store}.{b}) AS b USING ({keys})
"""
COUNTS: LiteralString = """
    SELECT count(*) FILTER (WHERE in_a AND NOT in_b), count(*) FILTER (WHERE in_b AND NOT in_a),
        count(*) FILTER (WHERE in_a AND in_b), count(*) FILTER (WHERE in_a AND in_b AND changed),
        avg(overlap) FILTER (WHERE in_a AND in_b)
    FROM ml_assets_compared
"""
MOVERS: LiteralString = """
    SELECT {keys}, round(overlap::numeric, 3)::float8 AS overlap
    FROM ml_assets_compared
    WHERE in_a AND in_b AND changed
    ORDER BY overlap, {keys}
    LIMIT {most}
"""
PLACES: LiteralString = """
    SELECT item_id, i.item_name, coalesce(a.n, 0) AS before, coalesce(b.n, 0) AS after
    FROM (SELECT x AS item_id, count(*) AS n FROM {store}.{a}, unnest(item_ids[:{k}]) AS x GROUP BY 1) AS a
    FULL JOIN (SELECT x AS item_id, count(*) AS n FROM {store}.{b}, unnest(item_ids[:{k}]) AS x GROUP BY 1) AS b
        USING (item_id)
    LEFT JOIN {store}.items AS i USING (item_id)
    WHERE coalesce(a.n, 0) <> coalesce(b.n, 0)
    ORDER BY abs(coalesce(b.n, 0) - coalesce(a.n, 0)) DESC, item_id
    LIMIT {most}
"""


@dataclass(frozen=True)
class Difference:
    """Release `b` seen from release `a`."""

    subject: str
    a: int
    b: int
    only_a: int
    """Keys (customer and placement, customer, item or scope) that only the first release has."""
    only_b: int
    both: int
    changed: int
    """Keys in both whose list, as shown, or segment differs."""
    overlap: float | None
    """Mean share of the shown items that both lists have, over the keys in both; None for segments and no keys."""
    movers: list[dict[str, Any]]
    """Of lists: the keys with the least in common. Of segments: the largest flows from one to another."""
    items: list[dict[str, Any]]
    """Of lists: the items that gained or lost most places, counted in lists."""


def compare(connection: ServingConnection, a: int, b: int, *, most: int = 10) -> Difference:
    """Compare two releases; raises `UserError` where they are of different subjects or their rows are gone."""
    first, second = _subject_of(connection, a), _subject_of(connection, b)
    if first != second:
        raise UserError(f"Release {a} is one of {first}, {b} one of {second}.", "Compare releases of one subject.")
    subject = PUBLISHED[first]
    if subject.lists:
        return _lists(connection, subject, a, b, most)
    return _segments(connection, subject, a, b, most) if subject.has_segments else _rows(connection, subject, a, b)


def _subject_of(connection: ServingConnection, release_id: int) -> str:
    query = connection.schemas.sql("SELECT subject, dropped_at FROM {meta}.releases WHERE release_id = %s")
    row = connection.execute(query, [release_id]).fetchone()
    if row is None or row[1] is not None:
        gone = "does not exist" if row is None else f"was dropped on {row[1]:%Y-%m-%d}"
        raise UserError(
            f"Release {release_id} {gone}.", "`ml-assets releases` lists what there is.", code="release.unknown"
        )
    return str(row[0])


def _parts(connection: ServingConnection, subject: Table, a: int, b: int) -> dict[str, sql.Composable]:
    k = "SELECT max(k) FROM {meta}.releases WHERE release_id IN (%s, %s)"
    keys = [sql.Identifier(key) for key in subject.keys]
    return {
        "a": sql.Identifier(partition_name(subject.name, a)),
        "b": sql.Identifier(partition_name(subject.name, b)),
        "keys": sql.SQL(", ").join(keys),
        "k": sql.Literal(one(connection, k, [a, b])),
    }


def _lists(connection: ServingConnection, table: Table, a: int, b: int, most: int) -> Difference:
    parts = _parts(connection, table, a, b)
    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute(connection.schemas.sql(COMPARED, **parts))
        only_a, only_b, both, changed, overlap = one_row(connection, COUNTS)
        movers = _dicts(connection, sql.SQL(MOVERS).format(keys=parts["keys"], most=most))
        items = _dicts(connection, connection.schemas.sql(PLACES, most=sql.Literal(most), **parts))
    return Difference(table.name, a, b, only_a, only_b, both, changed, overlap, movers, items)


def _segments(connection: ServingConnection, subject: Table, a: int, b: int, most: int) -> Difference:
    parts = _parts(connection, subject, a, b)
    flows = _dicts(
        connection,
        connection.schemas.sql(
            """
            SELECT a.segment_key AS "from", b.segment_key AS "to", count(*) AS customers
            FROM {store}.{a} AS a
            FULL JOIN {store}.{b} AS b USING ({keys})
            GROUP BY 1, 2
            ORDER BY 3 DESC, 1, 2
            """,
            **parts,
        ),
    )
    only_a = sum(flow["customers"] for flow in flows if flow["to"] is None)
    only_b = sum(flow["customers"] for flow in flows if flow["from"] is None)
    common = [flow for flow in flows if flow["from"] is not None and flow["to"] is not None]
    moved = [flow for flow in common if flow["from"] != flow["to"]]
    both, changed = sum(flow["customers"] for flow in common), sum(flow["customers"] for flow in moved)
    return Difference(subject.name, a, b, only_a, only_b, both, changed, None, moved[:most], [])


def _rows(connection: ServingConnection, subject: Table, a: int, b: int) -> Difference:
    """How many rows came, went and changed, where there is nothing to say of their contents."""
    further = [sql.Identifier(name) for name in subject.texts + subject.numbers]
    counted = connection.schemas.sql(
        """
        SELECT count(*) FILTER (WHERE b.release_id IS NULL), count(*) FILTER (WHERE a.release_id IS NULL),
            count(*) FILTER (WHERE a.release_id IS NOT NULL AND b.release_id IS NOT NULL),
            count(*) FILTER (
                WHERE a.release_id IS NOT NULL AND b.release_id IS NOT NULL AND ({of_a}) IS DISTINCT FROM ({of_b})
            )
        FROM {store}.{a} AS a
        FULL JOIN {store}.{b} AS b USING ({keys})
        """,
        of_a=sql.SQL(", ").join(sql.SQL("a.{}").format(name) for name in further),
        of_b=sql.SQL(", ").join(sql.SQL("b.{}").format(name) for name in further),
        **_parts(connection, subject, a, b),
    )
    only_a, only_b, both, changed = one_row(connection, counted)
    return Difference(subject.name, a, b, only_a, only_b, both, changed, None, [], [])


def _dicts(connection: ServingConnection, query: sql.Composed) -> list[dict[str, Any]]:
    cursor = connection.execute(query)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
