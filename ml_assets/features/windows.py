"""Which days a feature as of a day may see, and what an order is.

The bounds of the look-back and the key of an order belong here, once, because interactions, customer features and
the choice of lake partitions must agree on them. No frames are read here.
"""

from datetime import date, timedelta

import polars as pl

ORDER = ("customer_id", "day", "order_id")
"""What makes an order. The day is part of it, so that numbers a till uses again never merge visits of different
days; without an order id an order is a customer's day. Guests are the customer null, and always have an order id."""


def first_day(as_of: date, lookback_days: int) -> date:
    """The oldest day that a feature as of `as_of` may see: the window holds `lookback_days` days, `as_of` included."""
    if lookback_days < 1:
        raise ValueError(f"lookback_days must be at least 1, not {lookback_days}")
    return as_of - timedelta(days=lookback_days - 1)


def in_window(as_of: date, lookback_days: int) -> pl.Expr:
    """Whether a line's day lies in the look-back, so that later events can never matter."""
    return pl.col("day").is_between(first_day(as_of, lookback_days), as_of)
