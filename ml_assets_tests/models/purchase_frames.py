"""Interactions for tests of recommenders: small made-up shops, and the real one."""

from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl

from ml_assets.features.interactions import build_interactions
from ml_assets_tests.features.lines import journey

END = date(2024, 6, 30)

SCHEMA = {
    "customer_id": pl.Int64,
    "item_id": pl.Int64,
    "order_day": pl.Date,
    "orders_ago": pl.UInt32,
    "quantity": pl.Float64,
    "amount": pl.Float64,
    "weight": pl.Float32,
}


def made_shop(customers: int = 60, items: int = 40, orders: int = 12, *, seed: int = 3) -> pl.DataFrame:
    """Transactions of customers who like one half of the catalogue, over 120 days up to `END`."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        for order in range(1 + customer % orders):
            day = END - timedelta(days=int(rng.integers(0, 120)))
            half = np.arange(items // 2) + (customer % 2) * (items // 2)
            rows += [(customer, int(item), day, f"{customer}-{order}") for item in rng.choice(half, 4)]
    return (
        pl.DataFrame(rows, schema=["customer_id", "item_id", "day", "order_id"], orient="row")
        .with_columns(
            occurred_at=pl.col("day").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            quantity=pl.lit(1.0),
            amount=pl.lit(2.0),
            event_type=pl.lit(None, dtype=pl.String),
            is_return=pl.lit(value=False),
        )
        .unique(maintain_order=True)
    )


def as_interactions(transactions: pl.DataFrame, as_of: date = END) -> pl.DataFrame:
    return build_interactions(transactions.lazy(), as_of=as_of, lookback_days=400, weights={}).collect()


def catalogue(items: int = 40) -> pl.DataFrame:
    """Even items are food, odd ones are drinks."""
    return pl.DataFrame(
        {
            "item_id": range(items),
            "item_name": [f"Item {item}" for item in range(items)],
            "category": ["food" if item % 2 == 0 else "drinks" for item in range(items)],
        }
    )


def purchases_of(*rows: tuple[int, int, int, int], weight: float = 1.0) -> pl.DataFrame:
    """Interactions from (customer, item, days before `END`, orders ago)."""
    return pl.DataFrame(
        [(customer, item, END - timedelta(days=age), ago, 1.0, 1.0, weight) for customer, item, age, ago in rows],
        schema=SCHEMA,
        orient="row",
    )


@cache
def journey_interactions(as_of: date) -> pl.DataFrame:
    return as_interactions(journey(), as_of)
