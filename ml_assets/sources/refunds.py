"""Refunds that lie in a table of their own: each becomes a return line of what was bought in its order.

How a refund is netted belongs here, the same for every kind of source; where refunds and purchases are read does not.

- A refund of an item takes the quantity and the amount that it names; what it does not name is all that was bought of
  the item in the order, and of that quantity the share of the amount. What came back had cost its share.
- A refund of an order (no item) takes everything in it; with an amount, that share of every line.
- It counts on the day of its own time. Without a column for that, on the day of its order, which is then corrected.
- What is refunded stays a purchase as far as interest goes, as with negative lines (setting events.returns: net).
"""

import polars as pl

from ml_assets.ids import IdTypes
from ml_assets.sources.base import COST, LINE_COLUMNS, line_schema, with_cost

REFUND = "refund"
"""Event type of the lines, and what is `unreadable` of one whose purchase the source does not hold."""


def key_of(order: pl.Expr) -> pl.Expr:
    """An order's id as text, so that 17 of one file is 17.0 of another."""
    return order.cast(pl.String).str.strip_chars().str.replace(r"^(-?[0-9]+)\.0+$", "$1")


def as_lines(
    refunds: pl.DataFrame, bought: pl.DataFrame, types: IdTypes, timezone: str, *, own_time: bool
) -> pl.DataFrame:
    """Return lines (LINE_COLUMNS, and COST where purchases have it; source_day null where the day is not known).

    `refunds` has LINE_COLUMNS without customers, `bought` the lines of their orders; `own_time` says whether refunds
    have a time of their own.
    """
    keyed = refunds.with_columns(key=key_of(pl.col("order_id")), number=pl.int_range(pl.len()))
    sold = _sold(bought)
    # A line whose item cannot be read is no refund of everything.
    is_whole = pl.col("item_id").is_null() & pl.col("unreadable").is_null()
    of_item, of_order = keyed.filter(~is_whole), keyed.filter(is_whole)
    one = of_item.join(sold, on=["key", "item_id"], how="left", maintain_order="left")
    all_of = of_order.drop("item_id").join(sold, on="key", how="left", maintain_order="left")
    found = pl.concat([one.with_columns(**_of_item()), all_of.with_columns(**_of_order())], how="diagonal")
    time = pl.col("occurred_at") if own_time else pl.col("sold_at")
    # A value that cannot be read is told first, then an order that is not there.
    strange = pl.col("sold_quantity").is_null() & pl.col("unreadable").is_null()
    return (
        found.sort("number", maintain_order=True)
        .with_columns(
            customer_id=pl.col("sold_to"),
            occurred_at=time,
            event_type=pl.lit(REFUND),
            detail=pl.when(strange).then(pl.col("order_id")).otherwise("detail"),
            unreadable=pl.when(strange).then(pl.lit(REFUND)).otherwise("unreadable"),
            day=time.dt.convert_time_zone(timezone).dt.date(),
        )
        .with_columns(source_day=pl.col("day"))
        .select(with_cost(LINE_COLUMNS, bought))
        .cast(line_schema(types))  # type: ignore[arg-type]
    )


def _sold(bought: pl.DataFrame) -> pl.DataFrame:
    """What was bought of each item in each order."""
    lines = bought.filter(pl.col("unreadable").is_null(), pl.col("quantity") > 0)
    return lines.group_by(key_of(pl.col("order_id")).alias("key"), "item_id").agg(
        sold_to=pl.col("customer_id").drop_nulls().first(),
        sold_at=pl.col("occurred_at").min(),
        sold_quantity=pl.col("quantity").sum(),
        sold_amount=_total("amount"),
        sold_cost=_total(COST) if COST in lines.columns else pl.lit(None, pl.Float64),
    )


def _total(name: str) -> pl.Expr:
    """The sum of a column, null where every value is."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum())


def _of_item() -> dict[str, pl.Expr]:
    quantity = pl.coalesce(pl.col("quantity").abs(), "sold_quantity")
    share = pl.min_horizontal(quantity / pl.col("sold_quantity"), 1.0)
    amount = pl.coalesce(pl.col("amount").abs(), pl.col("sold_amount") * share)
    return {"quantity": -quantity, "amount": -amount, COST: -share * pl.col("sold_cost")}


def _of_order() -> dict[str, pl.Expr]:
    def part(of: str) -> pl.Expr:
        return pl.col(of).abs() / pl.col(f"sold_{of}").sum().over("number")

    share = pl.min_horizontal(pl.coalesce(part("amount"), part("quantity"), 1.0).fill_nan(1.0), 1.0)
    return {name: -share * pl.col(f"sold_{name}") for name in ("quantity", "amount", COST)}
