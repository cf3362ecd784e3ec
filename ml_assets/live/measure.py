"""Measuring lists that were live by what was bought afterwards, inside the database, where the lists are.

The figures are those of the backtest, by the same definitions (`models/metrics/judge.py`, `list_facts.py`). Only sums
leave the database, so nothing is kept of anybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Any, LiteralString

import polars as pl
from psycopg import sql

from ml_assets.database.ask import id_types, one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.live.bought import Bought
from ml_assets.live.releases import LiveLists
from ml_assets.models.placements import REPEATS
from ml_assets.models.selection.window import K
from ml_assets.releases.copy.encode import SIGNATURE, TRAILER, encode

CHUNK_BYTES = 512 * 1024
NOTHING = (0, 0, 0, None, None)
"""The figures of a list that nobody was asked for."""
DISCOUNTS = [1 / log2(rank + 1) for rank in range(1, K + 1)]
IDEAL = [sum(DISCOUNTS[:count]) for count in range(1, K + 1)]
"""The best sum of discounts with so many hits."""

# Named so that they cannot meet tables of the shop; gone with the transaction.
TABLES: LiteralString = """
    CREATE TEMP TABLE ml_assets_bought (customer_id {customer}, item_id {item}, is_repeat smallint) ON COMMIT DROP;
    CREATE TEMP TABLE ml_assets_bits (item_id {item}, bits float8) ON COMMIT DROP
"""
# Whoever was shown another list by an experiment, or none, says nothing about this one.
JUDGED: LiteralString = """
    CREATE TEMP TABLE ml_assets_judged ON COMMIT DROP AS
    SELECT b.customer_id, p.placement, p.repeats, w.relevant, t.customer_id IS NOT NULL AS is_listed,
        CASE
            WHEN t.customer_id IS NOT NULL THEN t.item_ids[:%(k)s]
            WHEN p.repeats <> 'only' THEN (
                SELECT s.item_ids[:%(k)s] FROM {store}.popular_items AS s
                WHERE s.release_id = %(popular)s AND s.scope = 'all'
            )
        END AS item_ids,
        t.scores[:%(k)s] AS scores
    FROM (
        SELECT customer_id, count(*) AS items, sum(is_repeat) AS repeats FROM ml_assets_bought GROUP BY 1
    ) AS b
    CROSS JOIN unnest(%(placements)s::text[], %(policies)s::text[]) AS p (placement, repeats)
    CROSS JOIN LATERAL (
        SELECT CASE p.repeats WHEN 'only' THEN b.repeats WHEN 'never' THEN b.items - b.repeats ELSE b.items END
            AS relevant
    ) AS w
    LEFT JOIN {meta}.published_recommendations AS t
        ON t.release_id = %(release)s AND t.customer_id = b.customer_id AND t.placement = p.placement
    WHERE w.relevant > 0
        AND NOT EXISTS (SELECT FROM {meta}.opted_out AS o WHERE o.customer_id = b.customer_id)
        AND NOT EXISTS (
            SELECT FROM {store}.experiment_customers AS c
            JOIN {meta}.experiments AS e ON e.experiment = c.experiment
            JOIN {meta}.experiment_arms AS a ON a.experiment = c.experiment AND a.arm = c.arm
            CROSS JOIN {meta}.shop AS h
            WHERE c.customer_id = b.customer_id AND a.list <> 'live'
                AND coalesce(e.placement, p.placement) = p.placement AND c.entered_on <= %(day)s
                AND coalesce(least(e.stopped_at, e.ends_at), 'infinity') >= %(day)s::timestamp AT TIME ZONE h.timezone
        )
"""
SHOWN: LiteralString = """
    CREATE TEMP TABLE ml_assets_shown ON COMMIT DROP AS
    SELECT j.placement, j.customer_id, j.is_listed, v.rank::integer AS rank, v.item_id, v.score,
        b.customer_id IS NOT NULL AS is_hit
    FROM ml_assets_judged AS j
    CROSS JOIN LATERAL unnest(j.item_ids, j.scores) WITH ORDINALITY AS v (item_id, score, rank)
    LEFT JOIN ml_assets_bought AS b
        ON b.customer_id = j.customer_id AND b.item_id = v.item_id
        AND (j.repeats = 'allowed' OR (j.repeats = 'only') = (b.is_repeat = 1))
"""
FIGURES: LiteralString = """
    SELECT j.placement, count(*), count(*) FILTER (WHERE j.is_listed), count(s.hits),
        avg(coalesce(s.hits, 0)::float8 / j.relevant),
        avg(coalesce(s.gain, 0) / (%(ideal)s::float8[])[least(j.relevant, %(k)s)])
    FROM ml_assets_judged AS j
    LEFT JOIN (
        SELECT placement, customer_id, count(*) AS hits, sum((%(discounts)s::float8[])[rank]) AS gain
        FROM ml_assets_shown WHERE is_hit GROUP BY 1, 2
    ) AS s ON s.placement = j.placement AND s.customer_id = j.customer_id
    GROUP BY 1
"""
FACTS: LiteralString = """
    SELECT s.placement, count(*), sum(s.shown * coalesce(b.bits, %(most)s)) / nullif(sum(s.shown), 0)
    FROM (SELECT placement, item_id, count(*) AS shown FROM ml_assets_shown WHERE is_listed GROUP BY 1, 2) AS s
    LEFT JOIN ml_assets_bits AS b ON b.item_id = s.item_id
    GROUP BY 1
"""
PLACES: LiteralString = """
    SELECT placement, 'rank', rank, count(*), count(*) FILTER (WHERE is_hit)
    FROM ml_assets_shown WHERE is_listed GROUP BY 1, 3
    UNION ALL
    SELECT placement, 'tenth', tenth, count(*), count(*) FILTER (WHERE is_hit)
    FROM (
        SELECT placement, is_hit,
            ntile(10) OVER (PARTITION BY placement ORDER BY score DESC, rank, customer_id) AS tenth
        FROM ml_assets_shown WHERE is_listed AND score IS NOT NULL
    ) AS t
    GROUP BY 1, 3
    ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Place:
    """What was bought of the items in one place of the lists."""

    kind: str
    """rank, or tenth of the scores."""
    place: int
    shown: int
    bought: int


@dataclass(frozen=True)
class Measured:
    """The lists of one placement on one day."""

    placement: str
    customers: int
    """Who bought what the list is asked for."""
    listed: int
    """Those of them with a list of their own."""
    hits: int
    """Customers who bought one of the first ten."""
    recall: float | None
    ndcg: float | None
    items_shown: int
    novelty: float | None
    places: tuple[Place, ...]


def measure(connection: ServingConnection, lists: LiveLists, bought: Bought) -> list[Measured]:
    """The lists of a day by what was bought in its horizon, one for each placement that the release has."""
    values: dict[str, Any] = {
        "k": K,
        "release": lists.release_id,
        "popular": lists.popular_release_id,
        "day": lists.day,
        "ideal": IDEAL,
        "discounts": DISCOUNTS,
        "most": bought.items["bits"].max() or 0.0,
    }
    with writing(connection) as cursor:
        connection.execute("SET LOCAL statement_timeout = 0")
        ids = id_types(connection)
        names = {"customer": sql.SQL(ids.customer), "item": sql.SQL(ids.item)}
        for statement in TABLES.split(";"):
            cursor.execute(sql.SQL(statement).format(**names))
        _load(connection, "ml_assets_bought", bought.pairs)
        _load(connection, "ml_assets_bits", bought.items)
        made = _placements(connection, lists.release_id)
        values |= {"placements": made, "policies": [REPEATS[name] for name in made]}
        cursor.execute(connection.schemas.sql(JUDGED), values)
        cursor.execute(connection.schemas.sql("ANALYZE ml_assets_judged"))
        cursor.execute(connection.schemas.sql(SHOWN))
        figures = {row[0]: row[1:] for row in cursor.execute(connection.schemas.sql(FIGURES), values).fetchall()}
        facts = {row[0]: row[1:] for row in cursor.execute(connection.schemas.sql(FACTS), values).fetchall()}
        places: dict[str, list[Place]] = {}
        for placement, *place in cursor.execute(connection.schemas.sql(PLACES)).fetchall():
            places.setdefault(placement, []).append(Place(*place))
    return [
        _measured(name, figures.get(name, NOTHING), facts.get(name, (0, None)), places.get(name, ())) for name in made
    ]


def _measured(placement: str, figures: Sequence[Any], facts: Sequence[Any], places: Sequence[Place]) -> Measured:
    customers, listed, hits, recall, ndcg = figures
    items_shown, novelty = facts
    return Measured(placement, customers, listed, hits, recall, ndcg, items_shown, novelty, tuple(places))


def _placements(connection: ServingConnection, release_id: int) -> Sequence[str]:
    """The lists that a release has, in the order of placements."""
    query = """
        SELECT EXISTS (
            SELECT FROM {meta}.published_recommendations AS t WHERE t.release_id = %s AND t.placement = %s
        )
    """
    return [name for name in REPEATS if one(connection, query, [release_id, name])]


def _load(connection: ServingConnection, table: str, frame: pl.DataFrame) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(table), columns)
    with connection.cursor().copy(statement) as copy:
        copy.write(SIGNATURE)
        for chunk in encode(frame.get_columns(), CHUNK_BYTES):
            copy.write(chunk)
        copy.write(TRAILER)
    connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
