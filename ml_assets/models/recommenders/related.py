"""Lists that belong to no customer: similar items and popular items."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from ml_assets.models.recommenders.catalogue import eligible_items, items_of
from ml_assets.models.recommenders.model import RecommenderModel
from ml_assets.models.recommenders.popularity import Popularity
from ml_assets.models.recommenders.purchases import Purchases

ALL = "all"
"""The scope of the whole shop."""
MIN_CATEGORY_ITEMS = 10
"""Categories with fewer items have no list of their own."""


def similar_items(
    model: RecommenderModel, items: pl.DataFrame, k: int, exclude_categories: Sequence[str] = ()
) -> pl.DataFrame:
    """item_id, item_ids List, scores List(Float32): the `k` most similar items of each item of the model.

    Excluded categories are neither rows nor listed. Items with too few buyers, or without any similar item, have
    no row.
    """
    similar = model.similar
    pairs = pl.DataFrame(
        {
            "item_id": similar.items.gather(similar.weights.row_numbers()),
            "item_ids": similar.items.gather(similar.weights.indices),
            "scores": pl.Series(similar.weights.data),
        }
    )
    hidden = items_of(items, exclude_categories).implode()
    return (
        pairs.filter(~pl.col("item_id").is_in(hidden), ~pl.col("item_ids").is_in(hidden))
        .group_by("item_id", maintain_order=True)
        .agg(pl.col("item_ids").head(k), pl.col("scores").head(k))
    )


def popular_items(
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    *,
    as_of: date,
    days: int,
    k: int,
    exclude_categories: Sequence[str] = (),
) -> pl.DataFrame:
    """scope, item_ids List, scores List(Float32): the `k` most popular items of the shop and of its categories.

    Scores are customers who bought the item in the last `days` days; equal ones rank by customers over the whole
    look-back, then by id. The scope `all` comes first and is there even when nothing was ever sold.
    """
    purchases = Purchases.of(interactions, as_of)
    eligible = eligible_items(purchases, items, exclude_categories)
    ranked = (
        pl.DataFrame(
            {
                "item_ids": purchases.items,
                "scores": pl.Series(purchases.buyers(days).astype(np.float32)),
                "order": pl.Series(Popularity(days).scores(purchases)),
            }
        )
        .filter(pl.Series(eligible))
        .sort("order", descending=True, maintain_order=True)
        .join(items.select(item_ids="item_id", scope="category"), on="item_ids", how="left", maintain_order="left")
    )
    everything = ranked.select(
        pl.lit(ALL).alias("scope"), pl.col("item_ids").head(k).implode(), pl.col("scores").head(k).implode()
    )
    # A category that is itself called "all" would be a second list of the whole shop.
    categories = (
        ranked.filter(pl.col("scope").is_not_null(), pl.col("scope") != ALL)
        .group_by("scope")
        .agg(pl.col("item_ids").head(k), pl.col("scores").head(k), pl.len())
        .filter(pl.col("len") >= MIN_CATEGORY_ITEMS)
        .drop("len")
        .sort("scope")
    )
    return pl.concat([everything, categories])
