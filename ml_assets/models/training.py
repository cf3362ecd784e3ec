"""Training a week's models from the lake: load as of Sunday, choose on the past, fit, store, hand over the cards.

The steps and the cut-offs belong here; methods belong to `recommenders/` and `ranking/`, the choice to `selection/`,
what is promoted to the registry.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl
from pydantic import JsonValue
from upath import UPath

from ml_assets.errors import UserError
from ml_assets.features.load import (
    load_customer_features,
    load_interactions,
    newest_day_with_data,
    transactions_window,
)
from ml_assets.features.windows import first_day
from ml_assets.lake import Lake
from ml_assets.models.artifacts import load_artifact
from ml_assets.models.cards import ModelCard, fingerprint, library_versions, model_version
from ml_assets.models.metrics.card_metrics import card_metrics
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.recipes import Recipe
from ml_assets.models.recommenders.catalogue import items_of
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.registry import fit_sources
from ml_assets.models.recommenders.similarity import ItemSimilarity
from ml_assets.models.segmentation.inputs import OUTCOME_DAYS, RECENT_DAYS, Past
from ml_assets.models.segmentation.model import SegmentationModel, moved_share
from ml_assets.models.segmentation.train import train_segmentation
from ml_assets.models.selection.study import Study, study_shop
from ml_assets.models.selection.trials import KnownTrials, TrialPlan, as_scored, as_tried, plan_trials
from ml_assets.models.value.contest import Winners
from ml_assets.models.value.train import Past as ValuePast
from ml_assets.models.value.train import train_value
from ml_assets.models.value.window import HORIZON_DAYS
from ml_assets.progress import Report, Stage, part_of, silent
from ml_assets.settings.made import has_customers
from ml_assets.settings.recommender import RecommenderSettings
from ml_assets.settings.shop import Settings

STUDY_BEGINS, STUDY_ENDS = 0.02, 0.93
"""Shares of the time of training between which the study of methods lies."""
LIBRARIES = ("lightgbm", "numba", "numpy", "polars", "scikit-learn", "scipy")


@dataclass(frozen=True)
class TrainedModel:
    """A stored artifact with its card."""

    card: ModelCard
    artifact: str
    """Path of the artifact, relative to the lake."""
    checksum: str


@dataclass(frozen=True)
class TrainedRecommender(TrainedModel):
    """A stored recommender, and the study that its methods come from."""

    study: Study
    trials: TrialPlan
    """Placements whose champion's method is kept, or with a challenger on trial."""
    challengers: TrainedModel | None
    """What makes the lists of the challengers on trial, stored beside it."""


@dataclass(frozen=True)
class TrainedSegmentation(TrainedModel):
    """A stored segmentation."""

    moved: float | None
    """Share of the customers who would be in another segment than under the live model; None where none is live."""


def artifact_folder(lake: Lake, artifact: str) -> UPath:
    """Where an artifact lies."""
    return lake.root / artifact


def artifact_fault(lake: Lake, artifact: str, checksum: str) -> str | None:
    """Why an artifact cannot be used, as a sentence; None of one that can: a registry outlives a lake that was lost."""
    try:
        load_artifact(artifact_folder(lake, artifact), checksum)
    except UserError as error:
        return error.problem
    return None


def train_recommender_week(
    lake: Lake,
    settings: Settings,
    *,
    week: date,
    champions: Mapping[str, Recipe] | None = None,
    trials: KnownTrials | None = None,
    report: Report = silent,
) -> TrainedRecommender:
    """Choose and train the recommender of a week (its Monday) on events before that Monday.

    `champions` are the recipes that score now, by placement; they are judged on the same windows. With `trials` their
    methods are kept, and others are trained beside them for a trial.
    """
    through = week - timedelta(days=1)
    report(Stage(f"reading the purchases up to {through}", 0.0))
    interactions = load_interactions(lake, as_of=through, settings=settings)
    _require_rows(interactions, week, of_customers=has_customers(settings))
    items = lake.read("items")
    days = [date.fromisoformat(day) for day in lake.partitions("transactions")]
    study = study_shop(
        transactions_window(lake, as_of=through, lookback_days=(through - min(days)).days + 1),
        items,
        first_day=min(days),
        through=through,
        settings=settings,
        champions=champions,
        trials=trials.running if trials else None,
        report=part_of(report, STUDY_BEGINS, STUDY_ENDS),
    )
    plan = plan_trials(study, champions or {}, trials, settings.recommender.selection) if trials else TrialPlan()

    def stored(chosen: Study) -> TrainedModel:
        model = fit_recommender(interactions, items, chosen, settings.recommender)
        model = replace(model, card=_dated(model.card, lake, settings))
        artifact = f"models/recommender/{model.card.version}"
        return TrainedModel(model.card, artifact, model.save(artifact_folder(lake, artifact)))

    report(Stage("fitting the methods that were chosen on all days", STUDY_ENDS))
    made = stored(as_scored(study, plan))
    challengers = stored(as_tried(study, plan)) if plan.tried else None
    return TrainedRecommender(made.card, made.artifact, made.checksum, study, plan, challengers)


def fit_recommender(
    interactions: pl.DataFrame, items: pl.DataFrame, study: Study, settings: RecommenderSettings
) -> RecommenderModel:
    """The model that a study asks for, from the interactions up to and including its last day, and nothing later.

    Equal data, settings and choices give equal models. Raises `UserError` where there is nothing to learn from.
    """
    started = time.perf_counter()
    through = study.through
    known = interactions.filter(pl.col("order_day") <= through)
    if known.is_empty():
        raise UserError(
            f"There are no purchases up to {through} to train a recommender on.",
            "Load earlier days first, or train for a later week.",
        )
    purchases = Purchases.of(known, through, items)
    needed = {name: given for recipe in study.recipes.values() for name, given in recipe.sources.items()}
    sources = fit_sources(purchases, needed)
    similar = ItemSimilarity(min_item_buyers=settings.min_item_buyers, kept=settings.stored)
    similar.fit(_shown(purchases, known, items, settings))
    placements: dict[str, JsonValue] = {name: recipe.as_json() for name, recipe in study.recipes.items()}
    parameters: dict[str, JsonValue] = {
        "settings": settings.model_dump(mode="json"),
        "placements": placements,
        "similar": similar.parameters,
        "repeats": study.repeats.facts(),
    }
    data = fingerprint(known)
    card = ModelCard(
        name="recommender",
        version=model_version("recommender", through, data, parameters, settings.seed),
        trained_through=through,
        data_fingerprint=data,
        parameters=parameters,
        metrics=card_metrics(study.summary()) | study.repeats.metrics(),
        rows=known.height,
        customers=len(purchases.customers),
        items=len(purchases.items),
        duration_seconds=round(time.perf_counter() - started, 3),
        seed=settings.seed,
        libraries=library_versions(LIBRARIES),
    )
    return RecommenderModel(card, sources, study.methods, similar)


def train_segmentation_week(
    lake: Lake,
    settings: Settings,
    *,
    week: date,
    live: SegmentationModel | None = None,
    scores: SegmentationModel | None = None,
) -> TrainedSegmentation:
    """Train the segmentation of a week (its Monday) on events before that Monday; it continues the `live` one.

    Whom it moves is seen against the one that `scores` the week's days until now, where that is another.
    """
    through = week - timedelta(days=1)
    features = load_customer_features(lake, as_of=through, settings=settings)
    _require_rows(features, week)
    past = _past(lake, settings, features, through)
    model = train_segmentation(features, trained_through=through, settings=settings.segmentation, live=live, past=past)
    model = replace(model, card=_dated(model.card, lake, settings))
    artifact = f"models/segmentation/{model.card.version}"
    checksum = model.save(artifact_folder(lake, artifact))
    known = scores or live
    moved = moved_share(known, model, features) if known else None
    return TrainedSegmentation(model.card, artifact, checksum, moved)


def _past(lake: Lake, settings: Settings, features: pl.DataFrame, through: date) -> Past | None:
    """What customers were like some weeks before, and what they spent since; None where the lake begins later."""
    earlier = through - timedelta(days=OUTCOME_DAYS)
    if not lake.days_between("transactions", first_day(earlier, settings.lookback_days), earlier):
        return None
    known, recent = (
        load_customer_features(lake, as_of=day, settings=settings)
        for day in (earlier, through - timedelta(days=RECENT_DAYS))
    )
    return Past(known, features, recent)


def train_value_week(lake: Lake, settings: Settings, *, week: date, live: Winners | None = None) -> TrainedModel:
    """Train the customer value model of a week (its Monday) on events before that Monday; `live` methods may stay."""
    through = week - timedelta(days=1)
    features = load_customer_features(lake, as_of=through, settings=settings)
    _require_rows(features, week)
    past = _value_past(lake, settings, through)
    model = train_value(features, past, trained_through=through, seed=settings.segmentation.seed, live=live)
    model = replace(model, card=_dated(model.card, lake, settings))
    artifact = f"models/{model.card.name}/{model.card.version}"
    return TrainedModel(model.card, artifact, model.save(artifact_folder(lake, artifact)))


def _value_past(lake: Lake, settings: Settings, through: date) -> ValuePast | str:
    """Customers as of two windows ago and of one; why there are none where a window is not whole."""
    if settings.lookback_days < HORIZON_DAYS:
        return f"lookback_days is {settings.lookback_days}, and a window has {HORIZON_DAYS} days."
    # Features as of the older day look back as far as a window.
    needed, held = through - timedelta(days=3 * HORIZON_DAYS - 1), min(lake.partitions("transactions"), default="")
    if not held or date.fromisoformat(held) > needed:
        return f"The history begins on {held or 'no day'}; a comparison needs {3 * HORIZON_DAYS} days, from {needed}."
    older, newer = (
        load_customer_features(lake, as_of=through - timedelta(days=windows * HORIZON_DAYS), settings=settings)
        for windows in (2, 1)
    )
    return ValuePast(older, newer)


def _dated(card: ModelCard, lake: Lake, settings: Settings) -> ModelCard:
    """The card, with the newest day that had events: a model trained on a dead feed is as old as the feed."""
    newest = newest_day_with_data(lake, settings, through=card.trained_through)
    return card.model_copy(update={"data_as_of": newest})


def _shown(purchases: Purchases, known: pl.DataFrame, items: pl.DataFrame, settings: RecommenderSettings) -> Purchases:
    """Purchases of items that may be shown, so that lists of similar items are full."""
    hidden = items_of(items, [*settings.exclude_categories, *settings.exclude_new_categories])
    if hidden.is_empty():
        return purchases
    return Purchases.of(known.filter(~pl.col("item_id").is_in(hidden.implode())), purchases.as_of, items)


def _require_rows(frame: pl.DataFrame, week: date, *, of_customers: bool = True) -> None:
    if frame.is_empty():
        raise UserError(
            f"There are no events before {week}, so the models of that week cannot be trained.",
            "Choose a later week, or load earlier days first.",
        )
    if of_customers and frame["customer_id"].null_count() == frame.height:
        raise UserError(
            f"Every event before {week} is of a guest, and lists and segments are of customers who are known.",
            "Name the column that tells customers apart in source.columns.customer, or load days that have some; where "
            "the shop knows no customers, set source.columns.customer: null, and similar and popular items are made.",
        )
