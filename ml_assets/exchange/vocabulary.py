"""What the cells of a file may say in one shop: the types of its ids, its lists, its times.

Reading files is in `table_file.py`.
"""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from ml_assets.database.connection import ServingConnection
from ml_assets.exchange.table_file import TIME, Column

ID_TYPES = {"bigint": pl.Int64(), "text": pl.String()}


@dataclass(frozen=True)
class Vocabulary:
    """The words and types of one shop."""

    ids: dict[str, str]
    """The types of customer_id and item_id, bigint or text."""
    placements: tuple[str, ...]
    tz: ZoneInfo
    """Of times without a zone."""

    def column(self, name: str, *, required: bool = False) -> Column:
        """What a column may hold, whose name means the same in every file."""
        types = {"value": pl.Float64(), **dict.fromkeys(("valid_from", "valid_until", "bought_at"), TIME)}
        types |= {each: ID_TYPES[kind] for each, kind in self.ids.items()}
        words = self.placements if name == "placement" else ()
        return Column(types.get(name, pl.String()), required, filled=required, words=words)


def vocabulary(connection: ServingConnection, tz: ZoneInfo) -> Vocabulary:
    """What the database knows of it."""
    query = """
        SELECT customer_id_type, item_id_type, (SELECT array_agg(placement ORDER BY placement) FROM {meta}.placements)
        FROM {meta}.shop
        """
    customer, item, placements = connection.execute(connection.schemas.sql(query)).fetchall()[0]
    return Vocabulary({"customer_id": customer, "item_id": item}, tuple(placements), tz)
