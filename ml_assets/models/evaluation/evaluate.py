"""Evaluating the recommender as it runs: trained before a cut-off, judged by what was bought after it.

The temporal split, the tasks and the yardstick belong here; the metrics' definitions do not. The full catalogue is
ranked and every customer who buys in the window counts, known or not, because sampled negatives and random splits
flatter.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta

import polars as pl

from ml_assets.errors import UserError
from ml_assets.features.interactions import BOUGHT_WEIGHT, build_interactions, event_weight
from ml_assets.models.evaluation.evaluation import Evaluation
from ml_assets.models.evaluation.metrics import ranking_metrics
from ml_assets.models.evaluation.yardstick import popular_lists
from ml_assets.models.recommenders.catalogue import eligible_items
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.recommend import recommend
from ml_assets.models.recommenders.training import train_recommender
from ml_assets.settings.shop import Settings

TASKS = {"for_you": "all", "discover": "new"}
"""What each placement is asked for: every item bought, or those the customer never bought before."""


def evaluate(
    transactions: pl.LazyFrame | pl.DataFrame,
    items: pl.DataFrame,
    *,
    cutoff: date,
    horizons: Sequence[int],
    settings: Settings,
    k: int = 10,
) -> Evaluation:
    """Train on the days before `cutoff`, recommend as of the day before, and judge by the days from `cutoff` on.

    `transactions` holds days on both sides. Customers without purchases before the cut-off get the popular list in
    both placements. Raises `UserError` where there are no days to learn from or none to judge by.
    """
    events = transactions.lazy()
    as_of, options = cutoff - timedelta(days=1), settings.recommender
    interactions = build_interactions(
        events, as_of=as_of, lookback_days=settings.lookback_days, weights=settings.events.weights
    ).collect()
    bought = _bought(events, cutoff, max(horizons), settings)
    if interactions.is_empty() or bought.is_empty():
        side = "before" if interactions.is_empty() else "from"
        raise UserError(
            f"There are no purchases {side} {cutoff}, so nothing can be evaluated.",
            "Choose a cut-off inside the data, or load more days.",
        )
    model = train_recommender(interactions, items, trained_through=as_of, settings=options)
    lists = ranked(recommend(model, interactions, items, as_of=as_of, settings=options))
    purchases = Purchases.of(interactions, as_of)
    eligible = eligible_items(purchases, items, options.exclude_categories)
    popular = popular_lists(purchases, eligible, bought["customer_id"], options.popularity_days, k)
    strangers = popular.filter(~pl.col("customer_id").is_in(purchases.customers.implode()))
    methods = {"recommender": pl.concat([lists, strangers]), "popularity": popular}
    rows = [
        {"placement": placement, "task": task, "horizon": horizon, "method": method}
        | _judge(shown.filter(placement=placement), _truth(bought, interactions, task, horizon), k, int(eligible.sum()))
        for placement, task in TASKS.items()
        for horizon in horizons
        for method, shown in methods.items()
    ]
    return Evaluation(cutoff, k, pl.DataFrame(rows), lists)


def ranked(recommendations: pl.DataFrame) -> pl.DataFrame:
    """customer_id, item_id, placement, rank from 1, of a recommendations frame."""
    return (
        recommendations.select(
            "customer_id",
            "item_ids",
            "placement",
            pl.int_ranges(1, pl.col("item_ids").list.len() + 1).alias("rank"),
        )
        .explode("item_ids", "rank", empty_as_null=False)
        .select("customer_id", pl.col("item_ids").alias("item_id"), "placement", "rank")
    )


def _bought(events: pl.LazyFrame, cutoff: date, days: int, settings: Settings) -> pl.DataFrame:
    """customer_id, item_id and `after`, the days from the cut-off to the first purchase in the window."""
    last = cutoff + timedelta(days=days - 1)
    return (
        events.filter(pl.col("day").is_between(cutoff, last), ~pl.col("is_return"))
        .with_columns(event_weight(settings.events.weights))
        .filter(pl.col("weight") >= BOUGHT_WEIGHT)
        .group_by("customer_id", "item_id")
        .agg((pl.col("day").min() - pl.lit(cutoff)).dt.total_days().alias("after"))
        .collect()
    )


def _truth(bought: pl.DataFrame, interactions: pl.DataFrame, task: str, horizon: int) -> pl.DataFrame:
    """The relevant items of each customer."""
    window = bought.filter(pl.col("after") < horizon)
    if task == "all":
        return window
    before = interactions.filter(pl.col("weight") >= BOUGHT_WEIGHT)
    return window.join(before, on=["customer_id", "item_id"], how="anti")


def _judge(shown: pl.DataFrame, truth: pl.DataFrame, k: int, eligible: int) -> dict[str, float]:
    """Metrics, and how much of the catalogue the judged customers saw."""
    seen = shown.filter(pl.col("rank") <= k).join(truth, on="customer_id", how="semi")
    different = seen["item_id"].n_unique()
    metrics = asdict(ranking_metrics(shown, truth, k))
    customers = metrics.pop("customers")
    return metrics | {"coverage": different / max(eligible, 1), "items_shown": different, "customers": customers}
