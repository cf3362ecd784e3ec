"""Training a week's models from the lake: load as of Sunday, evaluate on the past, fit, store, hand over the card.

The steps and the cut-offs belong here; methods belong to `recommenders/` and `segmentation/`, what is promoted to
the registry.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
from upath import UPath

from ml_assets.errors import UserError
from ml_assets.features.load import load_customer_features, load_interactions, transactions_window
from ml_assets.lake import Lake
from ml_assets.models.artifacts import CARD_FILE
from ml_assets.models.cards import ModelCard
from ml_assets.models.evaluation.evaluate import evaluate
from ml_assets.models.recommenders.training import train_recommender
from ml_assets.models.segmentation.train import train_segmentation
from ml_assets.settings.shop import Settings

# Days of history that must remain before an evaluation's cut-off for its figures to mean anything.
LEAST_HISTORY = timedelta(days=28)


@dataclass(frozen=True)
class TrainedModel:
    """A stored artifact with its card."""

    card: ModelCard
    artifact: str
    """Path of the artifact, relative to the lake."""
    checksum: str
    evaluation: pl.DataFrame | None
    """Table of the evaluation on the weeks before training ended, None where history is too short."""


def artifact_folder(lake: Lake, artifact: str) -> UPath:
    """Where an artifact lies."""
    return lake.root / artifact


def has_artifact(lake: Lake, artifact: str) -> bool:
    """Whether an artifact is still there: a registry outlives a lake that was lost."""
    return (artifact_folder(lake, artifact) / CARD_FILE).exists()


def train_recommender_week(lake: Lake, settings: Settings, *, week: date) -> TrainedModel:
    """Train the recommender of a week (its Monday) on events before that Monday."""
    through = week - timedelta(days=1)
    interactions = load_interactions(lake, as_of=through, settings=settings)
    _require_rows(interactions, week)
    items = lake.read("items")
    table = _evaluate_past(lake, settings, items, week=week)
    model = train_recommender(
        interactions, items, trained_through=through, settings=settings.recommender, evaluation=table
    )
    artifact = f"models/recommender/{model.card.version}"
    checksum = model.save(artifact_folder(lake, artifact))
    return TrainedModel(model.card, artifact, checksum, table)


def train_segmentation_week(lake: Lake, settings: Settings, *, week: date) -> TrainedModel:
    """Train the segmentation of a week (its Monday) on events before that Monday."""
    through = week - timedelta(days=1)
    features = load_customer_features(lake, as_of=through, settings=settings)
    _require_rows(features, week)
    model = train_segmentation(features, trained_through=through, settings=settings.segmentation)
    artifact = f"models/segmentation/{model.card.version}"
    checksum = model.save(artifact_folder(lake, artifact))
    return TrainedModel(model.card, artifact, checksum, None)


def _evaluate_past(lake: Lake, settings: Settings, items: pl.DataFrame, *, week: date) -> pl.DataFrame | None:
    horizons = settings.recommender.evaluation_days
    cutoff = week - timedelta(days=max(horizons))
    days = lake.partitions("transactions")
    if not days or date.fromisoformat(days[0]) + LEAST_HISTORY > cutoff:
        return None
    lookback = settings.lookback_days + max(horizons)
    transactions = transactions_window(lake, as_of=week - timedelta(days=1), lookback_days=lookback)
    return evaluate(transactions, items, cutoff=cutoff, horizons=horizons, settings=settings).table


def _require_rows(frame: pl.DataFrame, week: date) -> None:
    if frame.is_empty():
        raise UserError(
            f"There are no events before {week}, so the models of that week cannot be trained.",
            "Choose a later week, or load earlier days first.",
        )
