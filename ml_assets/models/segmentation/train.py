"""Training a segmentation: which measures decide, how many segments, where they lie, which of the live ones they are.

Trying clusterings and giving segments their identity belong here. Which clustering is taken is in `criterion.py`, the
choice of the measures in `inputs.py`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl
from pydantic import JsonValue

from ml_assets.errors import UserError
from ml_assets.models.cards import ModelCard, fingerprint, library_versions, model_version
from ml_assets.models.segmentation import inputs as measures
from ml_assets.models.segmentation.clusters import METHODS, RESTARTS, Labels, fit_clusters
from ml_assets.models.segmentation.criterion import CRITERION, Clustering, choose
from ml_assets.models.segmentation.identity import Origin, by_key, match, origins
from ml_assets.models.segmentation.inputs import ChosenInputs, Past, choose_inputs, input_matrix
from ml_assets.models.segmentation.model import SegmentationModel
from ml_assets.models.segmentation.names import are_borne_out, give_names
from ml_assets.models.segmentation.profiles import describe_shop
from ml_assets.models.segmentation.scaling import KNOTS, Matrix, QuantileScaler
from ml_assets.models.segmentation.soundness import BOOTSTRAPS, judge
from ml_assets.settings.segmentation import SegmentationSettings

# What training reads; other columns do not change the model, nor its version.
READ = ("customer_id", *measures.FEATURES)
# With fewer customers in the average segment, every figure about it is chance.
MIN_CUSTOMERS = 5
# Silhouettes compare all pairs; figures of more customers than this differ in the third decimal.
SAMPLE = 5_000


@dataclass(frozen=True)
class Identified:
    """Clusters as segments: the key of each, and where it comes from."""

    keys: tuple[str, ...]
    are_true: bool
    """Whether the figures bear out every name, those that were kept included."""
    new_are_true: bool
    origins: tuple[Origin, ...]
    ended: dict[str, Origin] = field(default_factory=dict)


def train_segmentation(
    features: pl.DataFrame,
    *,
    trained_through: date,
    settings: SegmentationSettings,
    live: SegmentationModel | None = None,
    past: Past | None = None,
) -> SegmentationModel:
    """Learn segments from the customer features as of `trained_through`.

    The measures by `inputs.CRITERION` from the `past`, scaled to uniform quantiles; clusters by k-means or a Gaussian
    mixture, their number by `CRITERION`, tried from settings.k_min to settings.k_max. Segments that continue one of
    the `live` model keep its key. A shop too small or too uniform gets fewer, down to a single one called active.
    Deterministic for the seed and independent of the order of the rows. Raises `UserError` without customers.
    """
    started = time.perf_counter()
    if features.is_empty():
        raise UserError(
            f"There are no customers to segment up to {trained_through}.", "Load transactions of an earlier day first."
        )
    features = features.select(READ).sort("customer_id")
    chosen = _inputs(past, live, settings)
    candidates = _try_all(features, chosen.names, settings, live, past)
    best = choose(candidates, min_share=settings.min_share, live=_kind_of(live))
    k, method = (best.soundness.k, best.method) if best else (1, "k-means")
    values = input_matrix(features, chosen.names)
    scaler = QuantileScaler.fit(values)
    clusters = fit_clusters(
        scaler.transform(values), k, method=method, seed=settings.seed, start=_start(live, chosen.names, k)
    )
    labels = clusters.nearest(scaler.transform(values))
    order = _richest_first(features, labels, k)
    clusters, labels = clusters.ordered(order), np.argsort(order)[labels]
    found = identify(features, labels, k, live)
    data = fingerprint(features)
    parameters = _parameters(settings, k, method, chosen) | _lineage(found, live)
    return SegmentationModel(
        card=ModelCard(
            name="segmentation",
            version=model_version("segmentation", trained_through, data, parameters, settings.seed),
            trained_through=trained_through,
            data_fingerprint=data,
            parameters=parameters,
            metrics=_metrics(candidates, best, found, chosen),
            rows=features.height,
            customers=features.height,
            items=0,
            duration_seconds=round(time.perf_counter() - started, 3),
            seed=settings.seed,
            libraries=library_versions(["numpy", "polars", "scikit-learn", "scipy"]),
        ),
        inputs=chosen.names,
        scaler=scaler,
        clusters=clusters,
        keys=found.keys,
        margin=settings.margin,
    )


def identify(features: pl.DataFrame, labels: Labels, k: int, live: SegmentationModel | None) -> Identified:
    """Keys for clusters 0 to k - 1: of the live segments that they continue, else from what they look like."""
    shop = describe_shop(features, pl.Series(labels), k)
    if live is None:
        words, true = give_names(shop)
        return Identified(tuple(words), true, true, tuple(Origin("born") for _ in words))
    live_labels = live.labels(features)
    continued = match(live_labels, labels, _distances(features, live_labels, labels, len(live.keys), k))
    made, ended = origins(live_labels, labels, live.keys, continued)
    kept = [None if row is None else live.keys[row] for row in continued]
    words, new_true = give_names(shop, kept, tuple(ended))
    ended = {
        key: Origin("ended", tuple(words[int(taker)] for taker in origin.parents)) for key, origin in ended.items()
    }
    return Identified(tuple(words), are_borne_out(shop, words), new_true, tuple(made), ended)


def _distances(features: pl.DataFrame, live: Labels, new: Labels, live_k: int, k: int) -> Matrix:
    """Distances between the mean values of live segments and new clusters: comparable whatever the measures were."""
    values = input_matrix(features, measures.DEFAULT)
    positions = QuantileScaler.fit(values).transform(values)
    olds = np.stack(
        [positions[live == row].mean(axis=0) if (live == row).any() else [9.0, 9.0] for row in range(live_k)]
    )
    news = np.stack([positions[new == row].mean(axis=0) for row in range(k)])
    distances: Matrix = np.linalg.norm(olds[:, None, :] - news[None, :, :], axis=2)
    return distances


def _kind_of(live: SegmentationModel | None) -> tuple[int, str] | None:
    """How many segments the live model has, and by which method; those of earlier versions are of the first."""
    return (len(live.keys), str(live.card.parameters.get("method", next(iter(METHODS))))) if live else None


def _inputs(past: Past | None, live: SegmentationModel | None, settings: SegmentationSettings) -> ChosenInputs:
    if settings.inputs:
        return ChosenInputs(tuple(settings.inputs), None)
    return choose_inputs(past, live.inputs if live else None, margin=settings.margin, seed=settings.seed)


def _start(live: SegmentationModel | None, inputs: Sequence[str], k: int) -> Matrix | None:
    """The live centers, where the new clusters may continue from there: positions mean the same from week to week."""
    return live.clusters.centers if live and live.inputs == tuple(inputs) and len(live.keys) == k else None


def _richest_first(features: pl.DataFrame, labels: Labels, k: int) -> Labels:
    """The clusters in descending order of what their customers spend, lately and over the year."""
    shop = describe_shop(features, pl.Series(labels), k)
    return np.argsort([-(one.value + one.recent_value) for one in shop.profiles], kind="stable")


def _try_all(
    features: pl.DataFrame,
    inputs: Sequence[str],
    settings: SegmentationSettings,
    live: SegmentationModel | None,
    past: Past | None,
) -> list[Clustering]:
    """Every allowed number of segments with every method, on a sample where the shop is large."""
    if features.height > SAMPLE:
        rows = np.sort(np.random.default_rng(settings.seed).choice(features.height, SAMPLE, replace=False))
        features = features[rows.tolist()]
    values = input_matrix(features, inputs)
    scaler = QuantileScaler.fit(values)
    scaled = scaler.transform(values)
    days = measures.on_both_days(past.features, features) if past else None
    if days and days[0].height < measures.MIN_CUSTOMERS:
        days = None
    most = min(settings.k_max, len(np.unique(scaled, axis=0)), len(values) // MIN_CUSTOMERS)
    candidates = []
    for k in range(min(settings.k_min, most), most + 1) if most > 1 else ():
        for method in METHODS:
            soundness, clusters = judge(values, k, method=method, seed=settings.seed)
            labels = clusters.nearest(scaled)
            named = soundness.smallest_share > 0 and identify(features, labels, k, live).new_are_true
            moved = measures.share_moving(clusters, scaler, inputs, days, settings.margin) if days else None
            candidates.append(Clustering(soundness, named, method, moved))
    return candidates


def _parameters(settings: SegmentationSettings, k: int, method: str, chosen: ChosenInputs) -> dict[str, JsonValue]:
    return {
        "k": k,
        "k_min": settings.k_min,
        "k_max": settings.k_max,
        "min_share": settings.min_share,
        "margin": settings.margin,
        "inputs": list(chosen.names),
        "inputs_criterion": measures.CRITERION,
        "scaling": f"uniform quantiles, {KNOTS} knots",
        "method": method,
        "algorithm": f"{method}, best of {RESTARTS} starts",
        "bootstraps": BOOTSTRAPS,
        "criterion": CRITERION,
    }


def _lineage(found: Identified, live: SegmentationModel | None) -> dict[str, JsonValue]:
    """What became of the live segments, by key."""
    segments: dict[str, JsonValue] = {
        key: {"change": one.change, "parents": list(one.parents)}
        for key, one in by_key(found.keys, found.origins, found.ended).items()
    }
    return {"continues": live.card.version if live else None, "segments": segments}


def _metrics(
    candidates: Sequence[Clustering], best: Clustering | None, found: Identified, chosen: ChosenInputs
) -> dict[str, float]:
    """The figures of the chosen clustering, and under `k<number>_` and `mixture_k<number>_` those that were tried."""
    metrics = {"segments": float(len(found.keys)), "truthful_names": float(found.are_true)}
    if chosen.explained is not None:
        metrics["spend_explained"] = round(chosen.explained, 4)
    for candidate in candidates:
        sound = candidate.soundness
        figures = {
            "silhouette": round(sound.silhouette, 4),
            "stability": round(sound.stability, 4),
            "jaccard": round(sound.jaccard, 4),
            "davies_bouldin": round(sound.davies_bouldin, 4),
            "smallest_share": round(sound.smallest_share, 4),
        }
        if candidate.moved is not None:
            figures["moved"] = round(candidate.moved, 4)
        if candidate is best:
            metrics |= figures
        start = "" if candidate.method == "k-means" else "mixture_"
        metrics |= {f"{start}k{sound.k}_{name}": value for name, value in figures.items()}
        metrics[f"{start}k{sound.k}_truthful_names"] = float(candidate.named)
    return metrics
