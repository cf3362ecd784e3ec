"""Training a segmentation: how many segments, where they lie, what they are called.

The criterion that chooses the number of segments belongs here. The parts it weighs are in `clusters.py` (soundness)
and `names.py` (whether the segments can be called something true).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from pydantic import JsonValue

from ml_assets.errors import UserError
from ml_assets.models.cards import ModelCard, fingerprint, library_versions, model_version
from ml_assets.models.segmentation.clusters import (
    BOOTSTRAPS,
    RESTARTS,
    SAMPLE,
    Labels,
    Soundness,
    fit_centroids,
    judge,
    nearest,
)
from ml_assets.models.segmentation.model import INPUTS, SegmentationModel, input_matrix
from ml_assets.models.segmentation.names import give_names
from ml_assets.models.segmentation.profiles import describe_shop
from ml_assets.models.segmentation.scaling import KNOTS, Matrix, QuantileScaler
from ml_assets.settings.segmentation import SegmentationSettings

CRITERION = (
    "the most segments that are stable (mean bootstrap ARI of at least 0.8), lose at most 0.05 of the best silhouette "
    "among the numbers tried, hold at least min_share of the customers each and can all be named truthfully; where no "
    "number is all of that, the best mean of silhouette and stability among those that meet most of it"
)
MIN_STABILITY = 0.8
SILHOUETTE_SLACK = 0.05
# What training reads; other columns do not change the model, nor its version.
READ = ("customer_id", *INPUTS, "recency_days", "tenure_days", "mean_gap_days", "spend_90d")
# With fewer customers in the average segment, every figure about it is chance.
MIN_CUSTOMERS = 5


@dataclass(frozen=True)
class Clustering:
    """One number of segments that was tried."""

    soundness: Soundness
    named: bool
    """Whether every segment can carry a name that its figures bear out."""


def train_segmentation(
    features: pl.DataFrame, *, trained_through: date, settings: SegmentationSettings
) -> SegmentationModel:
    """Learn segments from the customer features as of `trained_through`.

    K-means (Lloyd) on uniform quantiles of `INPUTS`; the number of segments by `CRITERION`, tried from
    settings.k_min to settings.k_max. A shop too small or too uniform for that gets fewer, down to a single one
    called active. Deterministic for the seed and independent of the order of the rows. Raises `UserError` without
    customers.
    """
    started = time.perf_counter()
    if features.is_empty():
        raise UserError(
            f"There are no customers to segment up to {trained_through}.", "Load transactions of an earlier day first."
        )
    features = features.select(READ).sort("customer_id")
    values = input_matrix(features)
    candidates = _try_all(features, values, settings)
    k = choose_k(candidates, min_share=settings.min_share)
    scaler = QuantileScaler.fit(values)
    scaled = scaler.transform(values)
    centroids = fit_centroids(scaled, k, seed=settings.seed)
    keys, named = _names(features, scaled, nearest(scaled, centroids), k)
    data = fingerprint(features)
    parameters = _parameters(settings, k)
    return SegmentationModel(
        card=ModelCard(
            name="segmentation",
            version=model_version("segmentation", trained_through, data, parameters, settings.seed),
            trained_through=trained_through,
            data_fingerprint=data,
            parameters=parameters,
            metrics=_metrics(candidates, k, named),
            rows=features.height,
            customers=features.height,
            items=0,
            duration_seconds=round(time.perf_counter() - started, 3),
            seed=settings.seed,
            libraries=library_versions(["numpy", "polars", "scikit-learn", "scipy"]),
        ),
        scaler=scaler,
        centroids=centroids,
        keys=tuple(keys),
    )


def choose_k(candidates: list[Clustering], *, min_share: float) -> int:
    """The number of segments by `CRITERION`; 1 without candidates."""
    if not candidates:
        return 1
    best = max(candidate.soundness.silhouette for candidate in candidates)

    def met(candidate: Clustering) -> int:
        sound = candidate.soundness
        return (
            (sound.smallest_share >= min_share)
            + (sound.stability >= MIN_STABILITY)
            + (sound.silhouette >= best - SILHOUETTE_SLACK)
            + candidate.named
        )

    if perfect := [candidate.soundness.k for candidate in candidates if met(candidate) == 4]:
        return max(perfect)
    return max(candidates, key=lambda c: (met(c), c.soundness.silhouette + c.soundness.stability)).soundness.k


def _try_all(features: pl.DataFrame, values: Matrix, settings: SegmentationSettings) -> list[Clustering]:
    """Every allowed number of segments, on a sample where the shop is large."""
    if len(values) > SAMPLE:
        rows = np.sort(np.random.default_rng(settings.seed).choice(len(values), SAMPLE, replace=False))
        features, values = features[rows.tolist()], values[rows]
    scaled = QuantileScaler.fit(values).transform(values)
    most = min(settings.k_max, len(np.unique(scaled, axis=0)), len(values) // MIN_CUSTOMERS)
    candidates = []
    for k in range(min(settings.k_min, most), most + 1) if most > 1 else ():
        soundness, labels = judge(values, k, seed=settings.seed)
        named = soundness.smallest_share > 0 and _names(features, scaled, labels, k)[1]
        candidates.append(Clustering(soundness, named))
    return candidates


def _names(features: pl.DataFrame, scaled: Matrix, labels: Labels, k: int) -> tuple[list[str], bool]:
    positions = pl.DataFrame(scaled, schema=["recent_value", "value"])
    return give_names(describe_shop(features, positions, pl.Series(labels), k))


def _parameters(settings: SegmentationSettings, k: int) -> dict[str, JsonValue]:
    return {
        "k": k,
        "k_min": settings.k_min,
        "k_max": settings.k_max,
        "min_share": settings.min_share,
        "inputs": list(INPUTS),
        "scaling": f"uniform quantiles, {KNOTS} knots",
        "algorithm": f"k-means (Lloyd), best of {RESTARTS} starts",
        "bootstraps": BOOTSTRAPS,
        "criterion": CRITERION,
    }


def _metrics(candidates: list[Clustering], k: int, named: bool) -> dict[str, float]:
    """The figures of the chosen number, and under `k<number>_` those of every number tried."""
    metrics = {"segments": float(k), "truthful_names": float(named)}
    for candidate in candidates:
        sound = candidate.soundness
        figures = {
            "silhouette": round(sound.silhouette, 4),
            "stability": round(sound.stability, 4),
            "davies_bouldin": round(sound.davies_bouldin, 4),
            "smallest_share": round(sound.smallest_share, 4),
        }
        if sound.k == k:
            metrics |= figures
        metrics |= {f"k{sound.k}_{name}": value for name, value in figures.items()}
        metrics[f"k{sound.k}_truthful_names"] = float(candidate.named)
    return metrics
