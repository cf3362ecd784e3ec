"""What came of experiments: what their customers bought, day by day, from the same transactions as everything else.

Writing and reading it belongs here; comparing the arms does not.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.features.customers import build_customer_features, lines_that_count, net
from ml_assets.features.interactions import BOUGHT_WEIGHT, DECIMALS, build_interactions
from ml_assets.sources.base import COST

CUSTOMERS_AT_ONCE = 20_000
MAY_BE_UNKNOWN = {"returned": pl.Float64, "new_categories": pl.Int64, "margin": pl.Float64}
ADD = """
    SELECT {meta}.add_outcomes(%s, %s, %s::integer[], %s::float8[], %s::float8[], %s::integer[], %s::float8[], %s, %s)
"""


@dataclass(frozen=True)
class Outcomes:
    """What was bought on a day."""

    customers: pl.DataFrame
    """customer_id, orders, revenue (returns subtracted) and returned (the same unit, never negative) of everybody with
    an event; new_categories, where what was bought before is known; margin, where lines have costs."""
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
    lines = lines_that_count(transactions, as_of=day, lookback_days=1, weights=weights)
    customers = customers.join(returned_and_margin(lines), on="customer_id", how="left")
    bought = build_interactions(transactions, as_of=day, lookback_days=1, weights=weights)
    items = bought.select("customer_id", "item_id").drop_nulls().unique().sort("customer_id", "item_id")
    if before is not None:
        new = _new_categories(bought, before)
        customers = customers.join(new, on="customer_id", how="left").with_columns(
            pl.col("new_categories").fill_null(0)
        )
    return Outcomes(customers.collect(), items.collect())


def returned_and_margin(lines: pl.LazyFrame) -> pl.LazyFrame:
    """customer_id, returned, and margin where lines have costs: what is paid less what it cost, of those that say both.

    Pieces are returned where the shop has no amounts, as in revenue.
    """
    worth = pl.when(net("amount").count() > 0).then("amount").otherwise("quantity").abs()
    said = {"returned": pl.col("worth").filter("is_return").sum().round(DECIMALS)}
    if COST in lines.collect_schema():
        gain = net("amount") - net(COST)
        said["margin"] = pl.when(gain.count() > 0).then(gain.sum().round(DECIMALS))
    return lines.with_columns(worth=worth).group_by("customer_id").agg(**said)


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
        absent = {name: pl.lit(None, kind) for name, kind in MAY_BE_UNKNOWN.items()}
        known = bought.customers.with_columns(
            column.alias(name) for name, column in absent.items() if name not in bought.customers.columns
        ).select("customer_id", "orders", "revenue", *MAY_BE_UNKNOWN)
        for part in known.iter_slices(CUSTOMERS_AT_ONCE):
            theirs = bought.items.join(part.select("customer_id"), on="customer_id", how="semi")
            columns = [column.to_list() for frame in (part, theirs) for column in frame.iter_columns()]
            added += int(one(connection, ADD, [day, *columns]))
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
