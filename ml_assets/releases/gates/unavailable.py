"""How much of what a release shows cannot be had now.

Only reading belongs here; judging is in `gates.py`, and what hides an item is the view `hidden_items` of ml_meta.
"""

import polars as pl

from ml_assets.database.connection import ServingConnection


def unavailable_share(connection: ServingConnection, shown: pl.Series) -> float:
    """The share of some item ids, each counted as often as it is there, that no list may show now."""
    counts = shown.alias("item_id").value_counts()
    query = """
        SELECT DISTINCT h.item_id
        FROM {meta}.hidden_items AS h
        WHERE h.placement IS NULL AND now() >= h.valid_from AND now() < h.valid_until AND h.item_id = ANY (%(shown)s)
    """
    found = connection.execute(connection.schemas.sql(query), {"shown": counts["item_id"].to_list()}).fetchall()
    hidden = [item for (item,) in found]
    if not hidden:
        return 0.0
    return float(counts.filter(pl.col("item_id").is_in(hidden))["count"].sum() / len(shown))
