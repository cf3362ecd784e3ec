"""Ranking metrics over lists and what was really bought.

Their definitions belong here; which lists are compared, and over which window, does not.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class RankingMetrics:
    """Means over all customers with at least one relevant item; a customer without a list scores 0.

    With hit(r) = 1 where the item at rank r (from 1) is relevant and R the number of relevant items of the customer:
    recall = hits in the first K / R; ndcg = sum of hit(r) / log2(r + 1) over the first K, divided by the same sum for
    min(K, R) hits at the top; hit_rate = share of customers with a hit in the first K.
    """

    recall: float
    ndcg: float
    hit_rate: float
    customers: int


def ranking_metrics(lists: pl.DataFrame, truth: pl.DataFrame, k: int) -> RankingMetrics:
    """Metrics at K. `lists`: customer_id, item_id, rank from 1; `truth`: customer_id, item_id, any repeats."""
    relevant = truth.select("customer_id", "item_id").unique()
    if relevant.is_empty():
        return RankingMetrics(0.0, 0.0, 0.0, 0)
    hits = (
        lists.filter(pl.col("rank") <= k)
        .join(relevant, on=["customer_id", "item_id"], how="semi")
        .group_by("customer_id")
        .agg(pl.len().alias("hits"), (1.0 / (pl.col("rank") + 1.0).log(2)).sum().alias("gain"))
    )
    ideal = pl.DataFrame({"found": range(1, k + 1), "ideal": np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))})
    means = (
        relevant.group_by("customer_id")
        .agg(pl.len().cast(pl.Int64).alias("relevant"))
        .with_columns(pl.col("relevant").clip(upper_bound=k).alias("found"))
        .join(ideal, on="found", how="left")
        .join(hits, on="customer_id", how="left")
        .with_columns(pl.col("hits", "gain").fill_null(0))
        # Sums of doubles depend on their order, and joins keep none.
        .sort("customer_id")
        .select(
            (pl.col("hits") / pl.col("relevant")).mean().alias("recall"),
            (pl.col("gain") / pl.col("ideal")).mean().alias("ndcg"),
            (pl.col("hits") > 0).mean().alias("hit_rate"),
            pl.len().alias("customers"),
        )
    )
    return RankingMetrics(**means.row(0, named=True))
