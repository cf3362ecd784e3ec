"""Customer features: how recently, how often and for how much each customer bought, as of a day.

The features that segmentation and the readers of the lake use belong here, as windows over transaction lines and
never as state carried from yesterday. What an order and the look-back are is in `windows.py`; segments are not here.
"""

from collections.abc import Mapping
from datetime import date

import polars as pl

from ml_assets.features.interactions import BOUGHT_WEIGHT, DECIMALS, event_weight
from ml_assets.features.windows import ORDER, in_window

HALF_LIFE_DAYS = 90
WINDOWS = (28, 90, 365)
SATURDAY = 6
EVENING = 17
IN_PIECES = "spend_in_pieces"
"""Whether the shop has no amounts, so that the columns of spend count pieces; the same in all rows of a day."""
NEWEST_COLUMN = IN_PIECES
"""The column that customer features stored by earlier versions lack."""


def build_customer_features(
    transactions: pl.LazyFrame,
    items: pl.LazyFrame | None,
    *,
    as_of: date,
    lookback_days: int,
    weights: Mapping[str, float] | None = None,
    timezone: str = "UTC",
) -> pl.LazyFrame:
    """One row per customer with events in the look-back, sorted by customer.

    Days (Int64) count back from `as_of`: recency_days to the last order, tenure_days to the first one seen in the
    look-back; first_day, last_day Date. A customer without an order (views or returns only) is dated by any event.
    orders, orders_28d, orders_90d, orders_365d count orders, the newest N days each.
    spend_28d, spend_90d, spend_365d and decayed_spend = sum of amount x 2^(-age / 90 days) have returns subtracted;
    mean_order_value has not, and is null without orders. A shop without any amount in the look-back gets its
    quantities as spend, so that segmentation still has a measure of value; then `IN_PIECES` is true, and nothing that
    people read may call them spend.
    basket_items is the mean number of different items an order; weekend_share and evening_share are the shares of
    orders placed on Saturday or Sunday, and from 17:00 on in `timezone`; null without orders.
    mean_gap_days is the mean interval between the customer's shopping days, null for fewer than two.
    items_distinct; categories_distinct, category_diversity (exp of the Shannon entropy of the purchases' categories,
    i.e. how many equally used ones they amount to) and top_category, null where no category is known.
    Lines of event types that weigh 0 are ignored unless they are returns; types below 0.5 count as interest, not as
    orders. Guests have no row.
    """
    lines = lines_that_count(transactions, as_of=as_of, lookback_days=lookback_days, weights=weights)
    # An item's many lines in an order are one purchase.
    purchases = lines.filter(pl.col("bought")).select(*ORDER, "item_id").unique()
    basket = purchases.group_by("customer_id", "item_id").agg(pl.len().alias("purchases"))
    sizes = purchases.group_by(*ORDER).len().group_by("customer_id").agg(pl.col("len").mean().alias("basket_items"))
    items_distinct = basket.group_by("customer_id").agg(_count(pl.len()).alias("items_distinct"))
    return (
        _behaviour(lines, as_of)
        .join(_rhythm(lines, timezone), on="customer_id", how="left")
        .join(sizes, on="customer_id", how="left")
        .join(items_distinct, on="customer_id", how="left")
        .join(_categories(basket, items), on="customer_id", how="left")
        .with_columns(pl.col("items_distinct").fill_null(0))
        .sort("customer_id")
    )


def in_pieces(features: pl.DataFrame) -> bool:
    """Whether what these features call spend are pieces, because the shop has no amounts."""
    return IN_PIECES in features.columns and bool(features[IN_PIECES].any())


def lines_that_count(
    transactions: pl.LazyFrame, *, as_of: date, lookback_days: int, weights: Mapping[str, float] | None = None
) -> pl.LazyFrame:
    """The lines of known customers in the look-back that features are made of, with `weight`, and `bought`: no return
    and no mere interest."""
    return (
        transactions.filter(in_window(as_of, lookback_days), pl.col("customer_id").is_not_null())
        .with_columns(event_weight(dict(weights or {})), pl.col("order_id").fill_null(""))
        .filter((pl.col("weight") > 0) | pl.col("is_return"))
        .with_columns((~pl.col("is_return") & (pl.col("weight") >= BOUGHT_WEIGHT)).alias("bought"))
    )


def _behaviour(lines: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """Dates, counts and spend per customer, through one row per order so that the lines are read once."""
    orders = (
        lines.group_by(*ORDER, "bought")
        .agg(
            net("amount").sum().alias("amount"),
            net("quantity").sum().alias("quantity"),
            net("amount").count().alias("amounts"),
        )
        .with_columns((pl.col("amounts").sum() == 0).alias(IN_PIECES))
        .with_columns(
            pl.when(IN_PIECES).then("quantity").otherwise("amount").alias("spend"),
            (pl.lit(as_of) - pl.col("day")).dt.total_days().alias("age"),
        )
    )
    bought, spend, age = pl.col("bought"), pl.col("spend"), pl.col("age")
    dated = pl.col("day").filter(bought)
    features = orders.group_by("customer_id").agg(
        pl.coalesce(dated.min(), pl.col("day").min()).alias("first_day"),
        pl.coalesce(dated.max(), pl.col("day").max()).alias("last_day"),
        _count(bought.sum()).alias("orders"),
        *(_count((bought & (age < days)).sum()).alias(f"orders_{days}d") for days in WINDOWS),
        *(_money(spend.filter(age < days).sum()).alias(f"spend_{days}d") for days in WINDOWS),
        _money((spend * (-age / HALF_LIFE_DAYS * pl.lit(2.0).log()).exp()).sum()).alias("decayed_spend"),
        # Rounded before the division: a mean may end exactly halfway between two last digits.
        pl.when(bought.any()).then(_money(spend.filter(bought).sum()) / bought.sum()).alias("mean_order_value"),
        _count(dated.n_unique()).alias("days"),
        pl.col(IN_PIECES).first(),
    )
    return features.select(
        "customer_id",
        (pl.lit(as_of) - pl.col("last_day")).dt.total_days().alias("recency_days"),
        "first_day",
        "last_day",
        (pl.lit(as_of) - pl.col("first_day")).dt.total_days().alias("tenure_days"),
        "orders",
        *(f"orders_{days}d" for days in WINDOWS),
        *(f"spend_{days}d" for days in WINDOWS),
        "decayed_spend",
        "mean_order_value",
        pl.when(pl.col("days") > 1)
        .then((pl.col("last_day") - pl.col("first_day")).dt.total_days() / (pl.col("days") - 1))
        .alias("mean_gap_days"),
        IN_PIECES,
    )


def _rhythm(lines: pl.LazyFrame, timezone: str) -> pl.LazyFrame:
    """When customers shop: shares of their orders, by the time of an order's first line."""
    began = pl.col("occurred_at").dt.convert_time_zone(timezone).min()
    orders = lines.filter("bought").group_by(*ORDER).agg(began.dt.hour().alias("hour"))
    return orders.group_by("customer_id").agg(
        (pl.col("day").dt.weekday() >= SATURDAY).mean().alias("weekend_share"),
        (pl.col("hour") >= EVENING).mean().alias("evening_share"),
    )


def _categories(basket: pl.LazyFrame, items: pl.LazyFrame | None) -> pl.LazyFrame:
    """Range and favourite of each customer's categories; equally used favourites are settled by name."""
    if items is None:
        known = basket.with_columns(pl.lit(None, dtype=pl.String).alias("category"))
    else:
        known = basket.join(items.select("item_id", "category"), on="item_id", how="inner")
    counts = (
        known.filter(pl.col("category").is_not_null())
        .group_by("customer_id", "category")
        .agg(pl.col("purchases").sum())
        .sort("customer_id", "purchases", "category", descending=[False, True, False])
    )
    share = pl.col("purchases") / pl.col("purchases").sum()
    return counts.group_by("customer_id", maintain_order=True).agg(
        _count(pl.len()).alias("categories_distinct"),
        (-(share * share.log()).sum()).exp().round(DECIMALS).alias("category_diversity"),
        pl.col("category").first().alias("top_category"),
    )


def net(column: str) -> pl.Expr:
    """What a line adds to spend: a return takes away, whether it is negative or of a return type; interest is null."""
    return pl.when(pl.col("is_return")).then(-pl.col(column).abs()).when(pl.col("bought")).then(pl.col(column))


def _count(expression: pl.Expr) -> pl.Expr:
    return expression.cast(pl.Int64)


def _money(expression: pl.Expr) -> pl.Expr:
    return expression.round(DECIMALS)
