"""What the cells of a file may say in one shop: the types of its ids, its lists, its times.

Reading files is in `table_file.py`.
"""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from ml_assets.database.ask import id_types
from ml_assets.database.connection import ServingConnection
from ml_assets.exchange.table_file import TIME, Column
from ml_assets.ids import IdTypes, polars_type


@dataclass(frozen=True)
class Vocabulary:
    """The words and types of one shop."""

    ids: IdTypes
    placements: tuple[str, ...]
    tz: ZoneInfo
    """Of times without a zone."""

    def column(self, name: str, *, required: bool = False) -> Column:
        """What a column may hold, whose name means the same in every file."""
        types = {"value": pl.Float64(), **dict.fromkeys(("valid_from", "valid_until", "bought_at"), TIME)}
        types |= {"customer_id": polars_type(self.ids.customer), "item_id": polars_type(self.ids.item)}
        words = self.placements if name == "placement" else ()
        plain = name in ("customer_id", "item_id")
        return Column(types.get(name, pl.String()), required, filled=required, words=words, plain=plain)


def vocabulary(connection: ServingConnection, tz: ZoneInfo) -> Vocabulary:
    """What the database knows of it."""
    query = connection.schemas.sql("SELECT placement FROM {meta}.placements ORDER BY 1")
    return Vocabulary(id_types(connection), tuple(name for (name,) in connection.execute(query).fetchall()), tz)
