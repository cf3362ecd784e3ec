"""What customers earned the shop in the time before they enter an experiment.

Orders and revenue of that time are in the customer features; costs are not, as no other feature needs them.
"""

from datetime import date

import polars as pl

from ml_assets.experiments.outcomes import returned_and_margin
from ml_assets.features.customers import lines_that_count
from ml_assets.features.load import transactions_window
from ml_assets.features.windows import first_day
from ml_assets.lake import Lake
from ml_assets.sources.base import COST

DAYS_BEFORE = 90
"""What customers did in so many days before they enter is what metrics are adjusted by."""


def with_margin_before(features: pl.DataFrame, lake: Lake, as_of: date, weights: dict[str, float]) -> pl.DataFrame:
    """Features with a customer_id, and margin_90d as of a day; without it where no line of the time has a cost.

    Who bought nothing of which the cost is known earned the shop 0, as in what comes of experiments.
    """
    if not lake.days_between("transactions", first_day(as_of, DAYS_BEFORE), as_of):
        return features
    transactions = transactions_window(lake, as_of=as_of, lookback_days=DAYS_BEFORE)
    lines = lines_that_count(transactions, as_of=as_of, lookback_days=DAYS_BEFORE, weights=weights)
    if COST not in lines.collect_schema():
        return features
    known = returned_and_margin(lines).select("customer_id", margin_90d="margin").drop_nulls().collect()
    if known.is_empty():
        return features
    joined = features.join(known, on="customer_id", how="left", maintain_order="left")
    return joined.with_columns(pl.col("margin_90d").fill_null(0.0))
