"""How sound a partition is: how separate its clusters are, and whether they come back when the data change a little.

Only measuring belongs here; limits are in `train.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml_assets.models.segmentation.clusters import Clusters, Labels, fit_clusters
from ml_assets.models.segmentation.scaling import Matrix, QuantileScaler

BOOTSTRAPS = 40
BOOTSTRAP_RESTARTS = 3


@dataclass(frozen=True)
class Soundness:
    """How good a partition into `k` clusters is."""

    k: int
    silhouette: float
    """-1 to 1: how much nearer customers are to their own cluster than to the next (Rousseeuw, 1987)."""
    stability: float
    """Mean adjusted Rand index (Hubert and Arabie, 1985) between the partition and refits on bootstrap samples."""
    jaccard: float
    """The cluster that comes back worst: mean Jaccard similarity with the most similar cluster of each refit; from
    0.85 on clusters are highly stable (Hennig, 2007)."""
    davies_bouldin: float
    """Mean overlap of each cluster with its worst neighbour, 0 is best (Davies and Bouldin, 1979)."""
    smallest_share: float
    """Share of the customers in the smallest cluster."""


def judge(values: Matrix, k: int, *, method: str = "k-means", seed: int) -> tuple[Soundness, Clusters]:
    """The soundness of `k` clusters of the unscaled values, and the clusters on the scale of these."""
    from sklearn.metrics import davies_bouldin_score, silhouette_score  # noqa: PLC0415 slow to import

    scaled = QuantileScaler.fit(values).transform(values)
    clusters = fit_clusters(scaled, k, method=method, seed=seed)
    labels = clusters.nearest(scaled)
    sizes = np.bincount(labels, minlength=k)
    separable = 2 <= len(np.unique(labels)) < len(labels)
    stability, jaccard = recovery(values, labels, k, method=method, seed=seed)
    return Soundness(
        k=k,
        silhouette=float(silhouette_score(scaled, labels)) if separable else 0.0,
        stability=stability,
        jaccard=jaccard,
        davies_bouldin=float(davies_bouldin_score(scaled, labels)) if separable else 0.0,
        smallest_share=float(sizes.min() / len(labels)),
    ), clusters


def recovery(
    values: Matrix, labels: Labels, k: int, *, method: str = "k-means", seed: int, bootstraps: int = BOOTSTRAPS
) -> tuple[float, float]:
    """Mean adjusted Rand index, and mean Jaccard similarity of the cluster that fares worst.

    Scaler and clusters are both refitted on bootstrap samples, and judged on every customer of the original partition.
    """
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415 as above

    random = np.random.default_rng([seed, k])
    scores, similar = [], []
    for _ in range(bootstraps):
        sample = values[random.integers(0, len(values), len(values))]
        scaler = QuantileScaler.fit(sample)
        clusters = fit_clusters(scaler.transform(sample), k, method=method, seed=seed, restarts=BOOTSTRAP_RESTARTS)
        refitted = clusters.nearest(scaler.transform(values))
        scores.append(adjusted_rand_score(labels, refitted))
        similar.append(jaccards(labels, refitted, k, k).max(axis=1))
    return float(np.mean(scores)), float(np.mean(similar, axis=0).min())


def jaccards(ones: Labels, others: Labels, k: int, other_k: int) -> Matrix:
    """Jaccard similarity of every cluster of one partition with every one of another, shape (k, other_k)."""
    shared = np.zeros((k, other_k))
    np.add.at(shared, (ones, others), 1)
    either = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0, keepdims=True) - shared
    alike: Matrix = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    return alike
