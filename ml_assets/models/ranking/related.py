"""Lists that belong to no customer: similar items and popular items."""

from datetime import date

import numpy as np
import polars as pl

from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.near_duplicates import NearDuplicates
from ml_assets.models.recommenders.catalogue import items_of, sellable_items, unavailable_items
from ml_assets.models.recommenders.popularity import Popularity
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.settings.recommender import RecommenderSettings

ALL = "all"
"""The scope of the whole shop."""
MIN_CATEGORY_ITEMS = 10
"""Categories with fewer items have no list of their own."""


def similar_items(model: RecommenderModel, items: pl.DataFrame, settings: RecommenderSettings) -> pl.DataFrame:
    """item_id, item_ids List, scores List(Float32): the `stored` most similar items of each item of the model.

    Excluded categories and items that are not available are neither rows nor listed. Items with too few buyers, or
    without any similar item, have no row.
    """
    ids, weights = model.similar.items_, model.similar.similar_
    pairs = pl.DataFrame(
        {
            "item_id": ids.gather(weights.row_numbers()),
            "item_ids": ids.gather(weights.indices),
            "scores": pl.Series(weights.data),
        }
    )
    never = [*settings.exclude_categories, *settings.exclude_new_categories]
    hidden = pl.concat([items_of(items, never), unavailable_items(items)]).implode()
    shown = pairs.filter(~pl.col("item_id").is_in(hidden), ~pl.col("item_ids").is_in(hidden))
    return (
        _near_duplicates_last(shown, "item_id", items, settings, own=True)
        .group_by("item_id", maintain_order=True)
        .agg(pl.col("item_ids").head(settings.stored), pl.col("scores").head(settings.stored))
    )


def popular_items(
    interactions: pl.DataFrame, items: pl.DataFrame, *, as_of: date, settings: RecommenderSettings
) -> pl.DataFrame:
    """scope, item_ids List, scores List(Float32): the most popular items of the shop and of its categories.

    Scores are customers who bought the item in the last `popularity_days` days; equal ones rank by customers over the
    whole look-back, then by id. The scope `all` comes first and is there even when nothing was ever sold.
    """
    purchases = Purchases.of(interactions, as_of)
    days, k = settings.popularity_days, settings.stored
    eligible = sellable_items(purchases, items, settings).as_new
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
    best = _near_duplicates_last(ranked.with_columns(shop=pl.lit(ALL)), "shop", items, settings)
    everything = best.select(
        pl.lit(ALL).alias("scope"), pl.col("item_ids").head(k).implode(), pl.col("scores").head(k).implode()
    )
    # A category that is itself called "all" would be a second list of the whole shop.
    ranked = ranked.filter(pl.col("scope").is_not_null(), pl.col("scope") != ALL)
    categories = (
        _near_duplicates_last(ranked, "scope", items, settings)
        .group_by("scope")
        .agg(pl.col("item_ids").head(k), pl.col("scores").head(k), pl.len())
        .filter(pl.col("len") >= MIN_CATEGORY_ITEMS)
        .drop("len")
        .sort("scope")
    )
    return pl.concat([everything, categories])


def _near_duplicates_last(
    lists: pl.DataFrame, owner: str, catalogue: pl.DataFrame, settings: RecommenderSettings, *, own: bool = False
) -> pl.DataFrame:
    """Rows of lists (owner, item_ids), best first, with near-duplicates of earlier items behind the others of a list.

    With `own` the owners are items too, and what is like one stands behind.
    """
    codes = pl.concat([lists["item_ids"], *([lists[owner]] if own else [])]).unique()
    alike = NearDuplicates.of(codes, catalogue, settings.near_duplicates)
    if not alike.any:
        return lists
    groups = pl.DataFrame({"item_ids": codes, "name": alike.names, "pack": alike.packs})
    marked = lists.join(groups, on="item_ids", how="left", maintain_order="left")
    late = pl.lit(value=False)
    for group in ("name", "pack"):
        late |= (pl.col(group) >= 0) & (pl.int_range(pl.len()).over(owner, group) > 0)
    if own:
        theirs = groups.rename({"item_ids": owner, "name": "own_name", "pack": "own_pack"})
        marked = marked.join(theirs, on=owner, how="left", maintain_order="left")
        for group in ("name", "pack"):
            late |= (pl.col(group) >= 0) & (pl.col(group) == pl.col(f"own_{group}"))
    return marked.sort(late, maintain_order=True).select(lists.columns)
