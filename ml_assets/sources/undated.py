"""Orders without a date that say how many days after the customer's order before they came.

Laying them on a calendar belongs here. Every customer's first order is put on one day, so that what one customer buys
after what is right, and which customers bought on the same day is not.
"""

import polars as pl

from ml_assets.errors import UserError
from ml_assets.settings.columns import UndatedOrders

ORDERED_AT = "ordered_at"
"""The column that is added."""


def dated(orders: pl.LazyFrame, how: UndatedOrders, path: str) -> pl.LazyFrame:
    """The orders with `ordered_at`, a wall-clock time; one line an order.

    Raises `UserError` where a column is not there. An order whose number or days are unreadable has no time, nor have
    those after it.
    """
    have = orders.collect_schema().names()
    needed = {"customer": how.customer, "number": how.number, "days": how.days, "hour": how.hour}
    for setting, column in needed.items():
        if column and column not in have:
            raise UserError(
                f"{path} has no column {column} (it has: {', '.join(have)}).",
                f"Set source.undated.{setting} to the column that the orders have.",
                code="source.unreadable",
            )
    number, given = _number(how.number), pl.col(how.days).cast(pl.String).str.strip_chars()
    is_first = (number == number.min()).over(how.customer)
    days = pl.when(is_first & given.fill_null("").is_in(["", "0", "0.0"])).then(0.0).otherwise(_number(how.days))
    hour = _number(how.hour).fill_null(0.0) if how.hour else pl.lit(0.0)
    start = pl.lit(how.start).cast(pl.Datetime("us"))
    # One order that cannot be placed leaves those after it without a place.
    laid = days.cum_sum() + pl.when(days.is_null().cum_max()).then(None).otherwise(0.0)
    since = laid.over(how.customer, order_by=number) * 24 + hour
    return orders.with_columns((start + pl.duration(hours=since)).alias(ORDERED_AT))


def _number(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
