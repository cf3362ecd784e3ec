"""Which items may be recommended at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ml_assets.models.kernels.csr import Bools
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.settings.recommender import RecommenderSettings


@dataclass(frozen=True)
class Sellable:
    """What may be recommended, and how many items may not, by reason."""

    items: Bools
    """One flag per item code: to those who bought it before."""
    as_new: Bools
    """The same: to everybody."""
    excluded_category: int
    """Items of a category that is never recommended."""
    unavailable: int
    """Items that the catalogue says are not sold any more."""
    unsold: int
    """Items that nobody bought for longer than the shop allows."""


def sellable_items(
    purchases: Purchases, catalogue: pl.DataFrame, settings: RecommenderSettings, *, use_flags: bool = True
) -> Sellable:
    """Items bought in the look-back, less those of excluded categories, unavailable ones and those unsold for long.

    Without `use_flags` the catalogue's `available` is not looked at: it speaks of today.
    """
    hidden = purchases.items.is_in(items_of(catalogue, settings.exclude_categories).implode()).to_numpy()
    gone = unavailable_items(catalogue) if use_flags else pl.Series("item_id", [], purchases.items.dtype)
    unavailable = ~hidden & purchases.items.is_in(gone.implode()).to_numpy()
    left = ~(hidden | unavailable)
    unsold = np.zeros(left.size, np.bool_)
    if settings.unsold_days is not None:
        unsold = left & (purchases.buyers(settings.unsold_days) == 0)
    left &= ~unsold
    only_known = purchases.items.is_in(items_of(catalogue, settings.exclude_new_categories).implode()).to_numpy()
    return Sellable(left, left & ~only_known, int(hidden.sum()), int(unavailable.sum()), int(unsold.sum()))


def items_of(catalogue: pl.DataFrame, categories: Sequence[str]) -> pl.Series:
    """Ids of the items of some categories."""
    return catalogue.filter(pl.col("category").is_in(list(categories)))["item_id"]


def unavailable_items(catalogue: pl.DataFrame) -> pl.Series:
    """Ids of the items that the catalogue marks as not available; none where it has no such column."""
    if "available" not in catalogue.columns:
        return catalogue["item_id"].clear()
    return catalogue.filter(~pl.col("available").fill_null(value=True))["item_id"]
