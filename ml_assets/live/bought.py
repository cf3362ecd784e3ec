"""What was bought in the days after lists were made, and the shop as it was before: what the lists are held against.

The same truth as in the backtest, from the same functions. Lists do not belong here.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from ml_assets.features.interactions import BOUGHT_WEIGHT, build_interactions
from ml_assets.features.load import load_interactions
from ml_assets.features.windows import first_day
from ml_assets.lake import Lake
from ml_assets.models.metrics.judge import bought_after
from ml_assets.models.recommenders.catalogue import items_of, sellable_items
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.settings.shop import Settings


@dataclass(frozen=True)
class Bought:
    """The purchases of some days, beside the shop as of the day before the first."""

    pairs: pl.DataFrame
    """customer_id, item_id, each pair once, and is_repeat: 1 where the customer had bought it before, else 0. Int16."""
    items: pl.DataFrame
    """item_id and bits: how surprising it was, before, that a customer bought it."""
    sellable: int
    """Items that might have been recommended."""


def bought_in(lake: Lake, settings: Settings, first: date, horizon: int) -> Bought:
    """What was bought from a day on; days that are not in the lake count as closed."""
    last, as_of = first + timedelta(days=horizon - 1), first - timedelta(days=1)
    weights, options = settings.events.weights, settings.recommender
    days = lake.days_between("transactions", first, last)
    interactions = _interactions(lake, settings, as_of)
    catalogue = lake.read("items")
    never = items_of(catalogue, options.exclude_categories)
    found = bought_after(lake.scan("transactions", days), first, horizon, weights) if days else _none(interactions)
    found = found.filter(~pl.col("item_id").is_in(never.implode()))
    old = interactions.filter(pl.col("weight") >= BOUGHT_WEIGHT).select("customer_id", "item_id").unique()
    repeats = found.join(old.with_columns(is_repeat=pl.lit(1, pl.Int16)), on=["customer_id", "item_id"], how="left")
    purchases = Purchases.of(interactions, as_of, catalogue)
    bits = -np.log2(np.maximum(purchases.buyers(), 1) / max(purchases.rows, 1))
    return Bought(
        repeats.select("customer_id", "item_id", pl.col("is_repeat").fill_null(0)),
        pl.DataFrame({"item_id": purchases.items, "bits": bits.astype(np.float64)}),
        int(sellable_items(purchases, catalogue, options, use_flags=False).items.sum()),
    )


def _interactions(lake: Lake, settings: Settings, as_of: date) -> pl.DataFrame:
    """Purchases as of a day; none where the lake begins later."""
    before = lake.days_between("transactions", first_day(as_of, settings.lookback_days), as_of)
    if before or lake.exists("interactions", as_of):
        return load_interactions(lake, as_of=as_of, settings=settings)
    # A frame without rows has its columns all the same.
    some = lake.partitions("transactions")[:1]
    made = build_interactions(
        lake.scan("transactions", some),
        as_of=as_of,
        lookback_days=settings.lookback_days,
        weights=settings.events.weights,
    )
    return made.collect()


def _none(interactions: pl.DataFrame) -> pl.DataFrame:
    return interactions.select("customer_id", "item_id").clear()
