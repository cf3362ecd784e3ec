"""Training the recommender of the pipeline.

How settings become a trained model and its card belongs here; the methods and the evaluation do not.
"""

import re
import time
from collections.abc import Mapping
from datetime import date

import polars as pl
from pydantic import JsonValue

from ml_assets.errors import UserError
from ml_assets.models.cards import ModelCard, fingerprint, library_versions, model_version
from ml_assets.models.recommenders.catalogue import items_of
from ml_assets.models.recommenders.ease import Ease
from ml_assets.models.recommenders.model import ItemWeights, RecommenderModel
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.similarity import ItemSimilarity
from ml_assets.settings.recommender import RecommenderSettings

METRIC_NAME = re.compile(r"(\w+?)_(\d+)d_(\w+?)_(recall|ndcg|hit_rate|coverage)")
LIBRARIES = ("numba", "numpy", "polars", "scipy")


def train_recommender(
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    *,
    trained_through: date,
    settings: RecommenderSettings,
    evaluation: pl.DataFrame | None = None,
) -> RecommenderModel:
    """A model that has seen the interactions up to and including `trained_through`, and nothing later.

    `evaluation` is the table of an `Evaluation` of an earlier cut-off; it becomes the metrics of the card. Nothing
    is random, so equal data and settings give equal models. Raises `UserError` where there is nothing to learn from.
    """
    started = time.perf_counter()
    known = interactions.filter(pl.col("order_day") <= trained_through)
    if known.is_empty():
        raise UserError(
            f"There are no purchases up to {trained_through} to train a recommender on.",
            "Load earlier days first, or train for a later week.",
        )
    purchases = Purchases.of(known, trained_through)
    ease = ease_of(settings).fit(purchases)
    similar = _similarity_of(settings).fit(_shown(purchases, known, items, settings))
    data, parameters = fingerprint(known), _parameters(settings)
    card = ModelCard(
        name="recommender",
        version=model_version("recommender", trained_through, data, parameters, settings.seed),
        trained_through=trained_through,
        data_fingerprint=data,
        parameters=parameters,
        metrics={} if evaluation is None else card_metrics(evaluation),
        rows=known.height,
        customers=len(purchases.customers),
        items=len(ease.items_),
        duration_seconds=round(time.perf_counter() - started, 3),
        seed=settings.seed,
        libraries=library_versions(LIBRARIES),
    )
    return RecommenderModel(
        card, ItemWeights(ease.items_, ease.weights_), ItemWeights(similar.items_, similar.similar_)
    )


def ease_of(settings: RecommenderSettings) -> Ease:
    """The collaborative model that the settings ask for."""
    return Ease(
        half_life_days=settings.half_life_days,
        min_item_buyers=settings.min_item_buyers,
        max_items=settings.max_model_items,
    )


def card_metrics(table: pl.DataFrame) -> dict[str, float]:
    """The rows of an evaluation table as `<placement>_<horizon>d_<method>_<metric>`."""
    metrics = {}
    for row in table.iter_rows(named=True):
        for metric in ("recall", "ndcg", "hit_rate", "coverage"):
            name = f"{row['placement']}_{row['horizon']}d_{row['method']}_{metric}"
            metrics[name] = round(float(row[metric]), 6)
    return metrics


def metrics_table(metrics: Mapping[str, float]) -> pl.DataFrame:
    """The metrics of a card as a table again: placement, horizon, method, recall, ndcg, hit_rate, coverage."""
    rows: dict[tuple[str, int, str], dict[str, float]] = {}
    for name, value in metrics.items():
        if found := METRIC_NAME.fullmatch(name):
            placement, horizon, method, metric = found.groups()
            rows.setdefault((placement, int(horizon), method), {})[metric] = value
    facts = [
        {"placement": placement, "horizon": horizon, "method": method, **row}
        for (placement, horizon, method), row in rows.items()
    ]
    return pl.DataFrame(facts).sort("placement", "horizon", "method", descending=[True, False, True])


def _similarity_of(settings: RecommenderSettings) -> ItemSimilarity:
    return ItemSimilarity(min_item_buyers=settings.min_item_buyers, kept=settings.stored)


def _shown(purchases: Purchases, known: pl.DataFrame, items: pl.DataFrame, settings: RecommenderSettings) -> Purchases:
    """Purchases of items that may be shown, so that lists of similar items are full."""
    hidden = items_of(items, settings.exclude_categories)
    if hidden.is_empty():
        return purchases
    return Purchases.of(known.filter(~pl.col("item_id").is_in(hidden.implode())), purchases.as_of)


def _parameters(settings: RecommenderSettings) -> dict[str, JsonValue]:
    ease, similar = ease_of(settings), _similarity_of(settings)
    return {"settings": settings.model_dump(mode="json"), "ease": dict(vars(ease)), "similar": dict(vars(similar))}
