"""What the segments look like on a day: profiles for naming, and the frame of segments that people read.

Figures and sentences about groups of customers belong here; how groups are found or named does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ml_assets.models.segmentation.names import Profile, Profiles

FLOOR_DAYS = 14
"""Recency below this flickers from day to day in shops of frequent buyers and says nothing."""

MEDIANS = ("recency_days", "orders_90d", "spend_90d", "spend_365d", "tenure_days")

SENTENCES = {
    "champions": "The best customers, who spend most and are buying now",
    "loyal": "Good customers who keep buying",
    "active": "Customers who buy regularly",
    "new": "Customers who began to buy recently",
    "promising": "Customers who are buying now, with a small spend that may grow",
    "needs_attention": "Customers who begin to buy less or to stay away",
    "at_risk": "Good customers who buy much less than they used to",
    "almost_lost": "Customers of small spend who have nearly stopped buying",
    "previously_loyal": "Formerly good customers who have stayed away for long",
    "dormant": "Customers of small spend who have stayed away longest",
}


def describe_shop(features: pl.DataFrame, positions: pl.DataFrame, clusters: pl.Series, k: int) -> Profiles:
    """The profiles of clusters 0 to k - 1, none of them empty.

    `positions` holds recent_value and value, the scaled inputs, row by row with `features`; `clusters` the numbers.
    """
    usual = features["mean_gap_days"].median()
    interval = max(float(usual) if isinstance(usual, float) else 0.0, FLOOR_DAYS)
    # A customer of ten days has shown nothing of a slower pace; below the window the two spends are one.
    known = pl.col("tenure_days").clip(90, 365)
    expected = pl.col("spend_365d") * 90 / known
    rows = (
        features.select(
            "recency_days",
            "tenure_days",
            pl.when(expected > 0).then(pl.col("spend_90d") / expected).otherwise(0.0).alias("pace"),
        )
        .with_columns(positions["recent_value"], positions["value"], clusters.alias("cluster"))
        .group_by("cluster")
        .agg(
            pl.col("value").mean(),
            pl.col("recent_value").mean(),
            (pl.col("recency_days").median() / interval).alias("silence"),
            pl.col("pace").median(),
            pl.col("tenure_days").median().cast(pl.Float64),
        )
        .sort("cluster")
        .drop("cluster")
    )
    if rows.height != k:
        raise ValueError(f"{k - rows.height} of {k} clusters are empty")
    longest = features["tenure_days"].max()
    return Profiles([Profile(**row) for row in rows.to_dicts()], float(longest) if isinstance(longest, int) else 0.0)


def segments_frame(features: pl.DataFrame, assigned: pl.Series, keys: Sequence[str]) -> pl.DataFrame:
    """One row per segment in the order of `keys`: key, name, description, customers, share and five medians.

    A segment without customers on that day keeps its row, with null medians.
    """
    figures = (
        features.select(MEDIANS)
        .with_columns(assigned.alias("segment_key"))
        .group_by("segment_key")
        .agg(
            pl.len().cast(pl.Int64).alias("customers"),
            *(pl.col(name).median().cast(pl.Float64).alias(f"median_{name}") for name in MEDIANS),
        )
    )
    frame = (
        pl.DataFrame({"segment_key": list(keys)}, schema={"segment_key": pl.String})
        .join(figures, on="segment_key", how="left", maintain_order="left")
        .with_columns(pl.col("customers").fill_null(0))
        .with_columns((pl.col("customers") / max(features.height, 1)).alias("share"))
    )
    names = [key.replace("_", " ").capitalize() for key in keys]
    described = [_describe(row) for row in frame.to_dicts()]
    return frame.select(
        "segment_key",
        pl.Series("segment_name", names, dtype=pl.String),
        pl.Series("description", described, dtype=pl.String),
        "customers",
        "share",
        *(f"median_{name}" for name in MEDIANS),
    )


def _describe(row: dict[str, float | str | None]) -> str:
    """One sentence with the figures of the segment; amounts are in the shop's own currency."""
    beginning = SENTENCES[str(row["segment_key"])]
    if not row["customers"]:
        return f"{beginning}: nobody on this day."
    numbers = {name: float(row[f"median_{name}"] or 0) for name in MEDIANS}
    return (
        f"{beginning}: {float(row['share'] or 0):.0%} of the customers; the median one bought last "
        f"{_days(numbers['recency_days'])} ago, placed {_count(numbers['orders_90d'], 'order')} in 90 days, spent "
        f"{numbers['spend_90d']:,.0f} in 90 and {numbers['spend_365d']:,.0f} in 365 days, and has been known for "
        f"{_days(numbers['tenure_days'])}."
    )


def _days(number: float) -> str:
    return _count(number, "day")


def _count(number: float, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,.0f} {noun}s"
