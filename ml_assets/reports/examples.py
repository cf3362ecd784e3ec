"""The lists of a few customers, as readers see them: what a page can show of two hundred thousand.

Ten customers are drawn by a hash of their ids, so they are the same ten every week, are nobody's choice, and are new
only where one of them has no list any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, LiteralString

import polars as pl

from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.lake import Lake
from ml_assets.reports.rows import rows_of

CUSTOMERS = 10
SHOWN, SHOWN_OF_OTHERS = 5, 3
"""Items of the first list, and of each other one."""
WORDS: Mapping[str, str] = {"for_you": "For you", "discover": "Never bought before", "buy_again": "Buy again"}
"""What lists are called on pages."""
MEASURES = ("recency_days", "orders_90d")

DRAWN: LiteralString = """
    SELECT t.customer_id
    FROM (
        SELECT DISTINCT r.customer_id FROM {store}.recommendations AS r
        WHERE r.release_id = (SELECT l.release_id FROM {meta}.live AS l WHERE l.subject = 'recommendations')
    ) AS t
    WHERE NOT EXISTS (SELECT FROM {meta}.opted_out AS o WHERE o.customer_id = t.customer_id)
    ORDER BY sha256(convert_to('report:' || t.customer_id::text, 'UTF8')), t.customer_id
    LIMIT %s
"""
LISTS: LiteralString = """
    SELECT r.customer_id, r.placement, r.rank, r.item_id, r.reason_text
    FROM {ml}.recommendations AS r
    WHERE r.customer_id = ANY (%(customers)s)
        AND r.rank <= CASE r.placement WHEN 'for_you' THEN %(shown)s ELSE %(others)s END
    ORDER BY r.customer_id, r.placement, r.rank
"""
POPULAR: LiteralString = """
    SELECT rank, item_id FROM {ml}.popular_items WHERE scope = 'all' AND rank <= %(shown)s ORDER BY rank
"""


@dataclass(frozen=True)
class Example:
    """A customer with the first items of each list."""

    customer_id: int | str
    segment: str | None
    measures: Mapping[str, Any]
    """`MEASURES` as of the day; empty where the lake has them no more."""
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By placement: rank, name, reason_text."""

    @property
    def words(self) -> str:
        """Who it is, in a line."""
        said = [self.segment or "No segment"]
        if (days := self.measures.get("recency_days")) is not None:
            said.append("last order on the day itself" if days == 0 else f"last order {_counted(days, 'day')} before")
        if (orders := self.measures.get("orders_90d")) is not None:
            said.append(f"{_counted(orders, 'order')} in 90 days")
        return ", ".join(said)


def examples_of(connection: ServingConnection, lake: Lake, day: date) -> list[Example]:
    """Ten customers with live lists, in the order they were drawn; none where nobody has one."""
    with writing(connection) as cursor:
        drawn = [row[0] for row in cursor.execute(connection.schemas.sql(DRAWN), [CUSTOMERS]).fetchall()]
    if not drawn:
        return []
    segments = rows_of(
        connection,
        "SELECT customer_id, segment_name FROM {ml}.segment_assignments WHERE customer_id = ANY (%(customers)s)",
        customers=drawn,
    )
    named = {row["customer_id"]: row["segment_name"] for row in segments}
    measures = _measures(lake, drawn, day)
    found = {who: Example(who, named.get(who), measures.get(who, {})) for who in drawn}
    rows = rows_of(connection, LISTS, customers=drawn, shown=SHOWN, others=SHOWN_OF_OTHERS)
    names = _names(connection, [row["item_id"] for row in rows])
    for row in rows:
        shown = found[row["customer_id"]].lists.setdefault(row["placement"], [])
        shown.append(row | {"name": names.get(row["item_id"]) or row["item_id"]})
    order = {name: place for place, name in enumerate(WORDS)}
    for one in found.values():
        ordered = sorted(one.lists.items(), key=lambda part: order.get(part[0], 99))
        one.lists.clear()
        one.lists.update(ordered)
    return [one for one in found.values() if one.lists]


def _counted(number: float, noun: str) -> str:
    return f"{number:,.0f} {noun}{'' if number == 1 else 's'}"


def popular_of(connection: ServingConnection) -> list[dict[str, Any]]:
    """What strangers are shown: rank, name."""
    rows = rows_of(connection, POPULAR, shown=CUSTOMERS)
    names = _names(connection, [row["item_id"] for row in rows])
    return [row | {"name": names.get(row["item_id"]) or row["item_id"]} for row in rows]


def _names(connection: ServingConnection, items: list[int | str]) -> dict[int | str, str | None]:
    query = "SELECT item_id, item_name FROM {store}.items WHERE item_id = ANY (%s)"
    with writing(connection) as cursor:
        return dict(cursor.execute(connection.schemas.sql(query), [items]).fetchall()) if items else {}


def _measures(lake: Lake, customers: list[int | str], day: date) -> dict[int | str, dict[str, Any]]:
    if not lake.exists("customer_features", day):
        return {}
    features = lake.scan("customer_features", [day.isoformat()])
    known = [name for name in MEASURES if name in features.collect_schema()]
    rows = features.filter(pl.col("customer_id").is_in(customers)).select("customer_id", *known).collect()
    return {row.pop("customer_id"): row for row in rows.to_dicts()}
