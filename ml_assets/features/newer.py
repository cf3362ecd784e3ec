"""Interactions that know what came after their day, without building them again from all transactions.

Only purchases are put together here; which events are newer, and who is scored because of them, is decided elsewhere.
"""

from datetime import date

import polars as pl

from ml_assets.features.interactions import SORTED_BY
from ml_assets.features.windows import first_day

GUESTS = pl.col("customer_id").is_null()
SEED = 20_260
"""Of fingerprints: the same purchases have the same one in every process of a version of Polars."""


def with_newer(stored: pl.DataFrame, newer: pl.DataFrame, *, as_of: date, lookback_days: int) -> pl.DataFrame:
    """What `build_interactions` gives as of a later day: stored ones of a day, and those of all days after it.

    `newer` are the interactions of events of later days alone, up to `as_of`. Orders of different days are never one,
    so older ones only move back by the number of newer ones.
    """
    moved = newer.group_by("customer_id").agg((pl.col("orders_ago").max() + 1).alias("moved"))
    older = stored.filter(pl.col("order_day") >= first_day(as_of, lookback_days))
    theirs = (
        older.join(moved, on="customer_id", nulls_equal=True)
        .with_columns(pl.col("orders_ago") + pl.col("moved"))
        .select(stored.columns)
    )
    changed = pl.concat([theirs, newer.select(stored.columns)]).sort(SORTED_BY)
    others = older.join(moved, on="customer_id", how="anti", nulls_equal=True, maintain_order="left")
    # What is stored is in order already, and a customer's lines are all in one of the two. Guests, who are null, come
    # first in both.
    guests, known = ([part.filter(of) for part in (changed, others)] for of in (GUESTS, ~GUESTS))
    return pl.concat([*guests, known[0].merge_sorted(known[1], key="customer_id")])


def fingerprints(newer: pl.DataFrame) -> pl.DataFrame:
    """customer_id and `known`, Int64: one number for all purchases of a customer that are newer; guests have none."""
    theirs = newer.filter(pl.col("customer_id").is_not_null()).sort(SORTED_BY)
    hashes = theirs.hash_rows(SEED).alias("known")
    return (
        theirs.select("customer_id")
        .with_columns(hashes)
        .group_by("customer_id")
        .agg(pl.col("known").bitwise_xor().reinterpret(signed=True))
        .sort("customer_id")
    )


def changed(now: pl.DataFrame, before: pl.DataFrame) -> pl.Series:
    """The customers whose newer purchases are others than before, ascending; both are `fingerprints`."""
    both = now.join(before, on="customer_id", how="full", coalesce=True, suffix="_before")
    return both.filter(pl.col("known").ne_missing(pl.col("known_before")))["customer_id"].sort()
