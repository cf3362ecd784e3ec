"""What tests of rules share: reading a list, writing a rule, and the words of a shop's files."""

from typing import Any
from zoneinfo import ZoneInfo

from ml_assets.database.connection import ServingConnection
from ml_assets.exchange.vocabulary import Vocabulary
from ml_assets.ids import IdTypes

IDS = IdTypes("bigint", "bigint")


WORDS = Vocabulary(IDS, ("for_you", "discover", "buy_again"), ZoneInfo("Europe/Berlin"))


def shown(connection: ServingConnection, placement: str = "for_you", customer: int = 1) -> list[int]:
    query = "SELECT rank, item_id FROM ml.recommendations WHERE customer_id = %s AND placement = %s ORDER BY rank"
    rows = connection.execute(query, [customer, placement]).fetchall()
    assert [rank for rank, _ in rows] == list(range(1, len(rows) + 1))
    return [item for _, item in rows]


def rule(
    connection: ServingConnection, kind: str, item: int | None = None, value: float | None = None, **more: Any
) -> None:
    columns = {"kind": kind, "item_id": item, "value": value} | more
    names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
    connection.execute(f"INSERT INTO ml_meta.rules ({names}) VALUES ({places})", list(columns.values()))
