"""Interactions: who bought what in which order, as of a day.

The rule that turns transaction lines into purchases belongs here: window, weights, one purchase per item and order,
the age of each order counted in the customer's own orders. Reading and writing the lake does not.
"""

from datetime import date

import polars as pl

from ml_assets.features.windows import ORDER, in_window

# Events that weigh at least this much are purchases; lighter ones, such as views, are interest.
BOUGHT_WEIGHT = 0.5
SORTED_BY = ("customer_id", "item_id", "orders_ago")
# Sums of doubles depend on their order; far below any currency's smallest coin they are cut off, so that files read
# in another order give the same bytes.
DECIMALS = 6


def build_interactions(
    transactions: pl.LazyFrame, *, as_of: date, lookback_days: int, weights: dict[str, float]
) -> pl.LazyFrame:
    """Purchases as of a day: one row per customer, item and order, sorted by customer, item and `orders_ago`.

    Columns: customer_id, item_id, order_day Date, orders_ago UInt32 (0 = the customer's newest order), quantity
    Float64 and amount Float64 (summed over the item's lines in the order; amount null where no line has one), weight
    Float32. `weights` gives the weight of each event type, 1 where not named; 0 drops the line, and a purchase takes
    the largest weight of its lines. Returns never appear. Any frame with more days gives the same rows, because the
    window is applied here. All guests are the customer null, and each of their orders has a number of its own in
    `orders_ago`.
    """
    lines = (
        transactions.filter(in_window(as_of, lookback_days), ~pl.col("is_return"))
        .with_columns(event_weight(weights), pl.col("order_id").fill_null(""))
        .filter(pl.col("weight") > 0)
    )
    orders = _orders_ago(lines)
    purchases = lines.group_by(*ORDER, "item_id").agg(
        pl.col("quantity").sum().round(DECIMALS),
        total("amount"),
        pl.col("weight").max(),
    )
    return (
        purchases.join(orders, on=ORDER, how="inner", nulls_equal=True)
        .select(
            "customer_id",
            "item_id",
            pl.col("day").alias("order_day"),
            "orders_ago",
            "quantity",
            "amount",
            "weight",
        )
        .sort(SORTED_BY)
    )


def event_weight(weights: dict[str, float]) -> pl.Expr:
    """The `weight` of each line from its event type, Float32; lines without a type, or of one not named, count 1."""
    if not weights:
        return pl.lit(1.0, dtype=pl.Float32).alias("weight")
    names = [name.lower() for name in weights]
    return (
        pl.col("event_type")
        .str.to_lowercase()
        .replace_strict(names, list(weights.values()), default=1.0, return_dtype=pl.Float32)
        .alias("weight")
    )


def total(column: str) -> pl.Expr:
    """The sum of a nullable column, null where every value is."""
    return pl.when(pl.col(column).count() > 0).then(pl.col(column).sum().round(DECIMALS)).alias(column)


def _orders_ago(lines: pl.LazyFrame) -> pl.LazyFrame:
    """One row per order with its place in the customer's history, newest first; same-day orders by time, then id."""
    newest_first = {"customer_id": False, "day": True, "occurred_at": True, "order_id": True}
    return (
        lines.group_by(*ORDER)
        .agg(pl.col("occurred_at").max())
        .sort(list(newest_first), descending=list(newest_first.values()))
        .select(*ORDER, pl.int_range(pl.len(), dtype=pl.UInt32).over("customer_id").alias("orders_ago"))
    )
