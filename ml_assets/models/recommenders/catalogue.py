"""Which items may be recommended at all."""

from collections.abc import Sequence

import polars as pl

from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.sparse import Bools


def eligible_items(purchases: Purchases, items: pl.DataFrame, exclude_categories: Sequence[str]) -> Bools:
    """One flag per item code: sold in the look-back, which all of them are, and of no excluded category."""
    excluded = items_of(items, exclude_categories)
    return (~purchases.items.is_in(excluded.implode())).to_numpy(writable=True)


def items_of(items: pl.DataFrame, categories: Sequence[str]) -> pl.Series:
    """Ids of the items of some categories."""
    return items.filter(pl.col("category").is_in(list(categories)))["item_id"]
