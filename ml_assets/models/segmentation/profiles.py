"""What the segments look like on a day: profiles for naming, and the frame of segments that people read.

Figures and sentences about groups of customers belong here; how groups are found or named does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from ml_assets.features.customers import in_pieces
from ml_assets.models.segmentation.inputs import FLOOR_DAYS, input_matrix
from ml_assets.models.segmentation.names import Profile, Profiles
from ml_assets.models.segmentation.scaling import QuantileScaler
from ml_assets.segments import MEDIANS, usual_name

VALUES = ("decayed_spend", "spend_365d")
"""How much a customer spends, lately and over the year."""
SPEND = (
    "spent {:,.0f} in 90 days",
    "spends {:.0f} times the median",
    "spends twice the median",
    "spends {:.0%} more than the median",
    "spends about the median",
    "spends {:.0%} less than the median",
)
PIECES = (
    "took {:,.0f} piece{} in 90 days",
    "takes {:.0f} times as many pieces as the median",
    "takes twice as many pieces as the median",
    "takes {:.0%} more pieces than the median",
    "takes about as many pieces as the median",
    "takes {:.0%} fewer pieces than the median",
)
"""Words of what customers are worth: where nothing is usual, then from far more than that to less."""


def describe_shop(features: pl.DataFrame, clusters: pl.Series, k: int) -> Profiles:
    """The profiles of clusters 0 to k - 1, none of them empty; `clusters` has their numbers, as the features' rows."""
    values = input_matrix(features, VALUES)
    positions = pl.DataFrame(QuantileScaler.fit(values).transform(values), schema=["recent_value", "value"])
    usual = features["mean_gap_days"].median()
    interval = max(float(usual) if isinstance(usual, float) else 0.0, FLOOR_DAYS)
    # A customer of ten days has shown nothing of a slower pace; below the window the two spends are one.
    known = pl.col("tenure_days").clip(90, 365)
    expected = pl.col("spend_365d") * 90 / known
    rows = (
        features.select(
            "recency_days",
            "tenure_days",
            pl.when(expected.is_finite() & (expected > 0) & pl.col("spend_90d").is_finite())
            .then(pl.col("spend_90d") / expected)
            .otherwise(0.0)
            .alias("pace"),
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


def segments_frame(
    features: pl.DataFrame, assigned: pl.Series, keys: Sequence[str], names: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """One row per segment in the order of `keys`: key, name, description, customers, share and five medians.

    `names` are the shop's own, by key; the others are called by their keys. A segment without customers on that day
    keeps its row, with null medians; where the shop has no amounts all medians of spend are null, and the sentences
    tell of pieces.
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
    called = {key: usual_name(key) for key in keys} | dict(names or {})
    usual = features["spend_90d"].median()
    pieces = in_pieces(features)
    middle = float(usual) if isinstance(usual, float) else 0.0
    described = [describe(row, usual=middle, pieces=pieces) for row in frame.to_dicts()]
    unknown = [name for name in MEDIANS if pieces and name.startswith("spend_")]
    return frame.select(
        "segment_key",
        pl.Series("segment_name", [called[key] for key in keys], dtype=pl.String),
        pl.Series("description", described, dtype=pl.String),
        "customers",
        "share",
        *(
            pl.lit(None, pl.Float64).alias(f"median_{name}") if name in unknown else pl.col(f"median_{name}")
            for name in MEDIANS
        ),
    )


def with_value(segments: pl.DataFrame, assignments: pl.DataFrame) -> pl.DataFrame:
    """The segments with the value of their customers: means of both figures, and the sum of the expected spend.

    `assignments`: customer_id, segment_key, alive_probability, expected_spend_90d. Of a segment without customers the
    means are null and the sum is 0; where nobody's spend is known the sums are null.
    """
    figures = assignments.group_by("segment_key").agg(
        pl.col("alive_probability").mean().alias("mean_alive_probability"),
        pl.col("expected_spend_90d").mean().alias("mean_expected_spend_90d"),
        pl.col("expected_spend_90d").sum().alias("total_expected_spend_90d"),
    )
    joined = segments.join(figures, on="segment_key", how="left", maintain_order="left")
    # The sum of nothing is 0, and so it is of what nobody knows.
    total = pl.col("total_expected_spend_90d").fill_null(0.0)
    is_known = assignments["expected_spend_90d"].count() > 0
    return joined.with_columns(total_expected_spend_90d=total if is_known else pl.lit(None, pl.Float64))


def describe(row: Mapping[str, float | str | None], *, usual: float, pieces: bool = False) -> str:
    """One sentence on the median customer of a segment, such as "Buys every 4 days, spends twice the median, ...".

    `row` holds customers and the medians; `usual` is the median spend of all customers over 90 days. With
    `pieces` spend counts those: "Buys every 4 days, takes twice as many pieces as the median, ...".
    """
    if not row["customers"]:
        return "Nobody on this day."
    numbers = {name: float(row[f"median_{name}"] or 0) for name in MEDIANS}
    parts = [
        _rhythm(numbers["orders_90d"], numbers["recency_days"]),
        _worth(numbers["spend_90d"], usual, PIECES if pieces else SPEND),
        f"last seen {_ago(numbers['recency_days'])}",
        f"a customer for {_days(numbers['tenure_days'])}",
    ]
    sentence = ", ".join(part for part in parts if part)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _rhythm(orders: float, recency: float) -> str:
    if orders < 1:
        # Medians of one segment may be of different customers: a sentence of both must not contradict itself.
        return "has not bought for 90 days" if recency >= 90 else "buys less than once in 90 days"
    every = 90 / orders
    if every < 1.5:
        return "buys every day"
    if 6 <= every <= 8:
        return "buys weekly"
    if 26 <= every <= 35:
        return "buys monthly"
    return f"buys every {every:.0f} days" if every < 60 else "bought once in 90 days"


def _worth(worth: float, usual: float, words: Sequence[str]) -> str:
    """Spend or pieces of 90 days beside the usual ones, in the words of SPEND or PIECES."""
    alone, times_as_much, twice, more, about, less = words
    if worth <= 0 or usual <= 0:
        return "" if worth <= 0 else alone.format(worth, "" if round(worth) == 1 else "s")
    times = worth / usual
    if times >= 2.5:
        return times_as_much.format(times)
    if times >= 1.75:
        return twice
    if times >= 1.15:
        return more.format(times - 1)
    return about if times > 0.85 else less.format(1 - times)


def _ago(days: float) -> str:
    return {0: "today", 1: "yesterday"}.get(round(days), f"{_days(days)} ago")


def _days(number: float) -> str:
    return "1 day" if round(number) == 1 else f"{number:,.0f} days"
