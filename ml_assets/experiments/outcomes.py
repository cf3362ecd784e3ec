"""What came of experiments: what their customers bought, day by day, from the same transactions as everything else.

Writing and reading it belongs here; comparing the arms does not.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.features.customers import build_customer_features
from ml_assets.features.interactions import BOUGHT_WEIGHT, build_interactions

CUSTOMERS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Outcomes:
    """What was bought on a day."""

    customers: pl.DataFrame
    """customer_id, orders and revenue (returns subtracted) of everybody with an event; new_categories, where what was
    bought before is known."""
    items: pl.DataFrame
    """customer_id, item_id of what was bought, each once."""


@dataclass(frozen=True)
class Before:
    """What is known of the time before a day."""

    interactions: pl.LazyFrame
    """As of the day before: customer_id, item_id and weight at least."""
    items: pl.LazyFrame
    """item_id, category."""


def outcomes_of(
    transactions: pl.LazyFrame, day: date, weights: dict[str, float], before: Before | None = None
) -> Outcomes:
    """What the transactions of a day come to, by the rules of the features."""
    features = build_customer_features(transactions, None, as_of=day, lookback_days=1, weights=weights)
    customers = features.select("customer_id", "orders", pl.col("spend_28d").cast(pl.Float64).alias("revenue"))
    bought = build_interactions(transactions, as_of=day, lookback_days=1, weights=weights)
    items = bought.select("customer_id", "item_id").drop_nulls().unique().sort("customer_id", "item_id")
    if before is not None:
        new = _new_categories(bought, before)
        customers = customers.join(new, on="customer_id", how="left").with_columns(
            pl.col("new_categories").fill_null(0)
        )
    return Outcomes(customers.collect(), items.collect())


def _new_categories(bought: pl.LazyFrame, before: Before) -> pl.LazyFrame:
    """customer_id and new_categories of those who bought of a category that they had not bought of before."""
    categories = before.items.select("item_id", "category").drop_nulls()
    theirs, past = (
        lines.filter(pl.col("weight") >= BOUGHT_WEIGHT)
        .join(categories, on="item_id")
        .select("customer_id", "category")
        .drop_nulls()
        .unique()
        for lines in (bought, before.interactions)
    )
    new = theirs.join(past, on=["customer_id", "category"], how="anti")
    return new.group_by("customer_id").agg(new_categories=pl.len().cast(pl.Int64))


def write_outcomes(connection: ServingConnection, day: date, bought: Outcomes) -> int:
    """Replace what came of a day, for those who are in an experiment; how many of them bought."""
    added = 0
    with writing(connection) as cursor:
        cursor.execute(connection.schemas.sql("SELECT {meta}.begin_outcomes(%s)"), [day])
        known = bought.customers
        if "new_categories" not in known.columns:
            known = known.with_columns(new_categories=pl.lit(None, pl.Int64))
        known = known.select("customer_id", "orders", "revenue", "new_categories")
        for part in known.iter_slices(CUSTOMERS_AT_ONCE):
            theirs = bought.items.join(part.select("customer_id"), on="customer_id", how="semi")
            columns = [column.to_list() for frame in (part, theirs) for column in frame.iter_columns()]
            call = "SELECT {meta}.add_outcomes(%s, %s, %s::integer[], %s::float8[], %s::integer[], %s, %s)"
            added += int(one(connection, call, [day, *columns]))
    return added


def due_days(connection: ServingConnection, until: date) -> list[date]:
    """The loaded days since the first customer entered, up to one, whose outcomes are not in or from before a load.

    Days that never came are none of these: the shop may have been closed, and `history_has_no_holes` looks after them.
    """
    query = """
        SELECT s.day
        FROM {meta}.source_days AS s
        LEFT JOIN {meta}.experiment_days_known AS k ON k.day = s.day
        WHERE s.day >= (SELECT min(c.entered_on) FROM {store}.experiment_customers AS c) AND s.day <= %s
            AND (k.day IS NULL OR s.loaded_at > k.computed_at)
        ORDER BY 1
    """
    with writing(connection) as cursor:
        return [day for (day,) in cursor.execute(connection.schemas.sql(query), [until]).fetchall()]
