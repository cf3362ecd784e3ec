"""K-means and the figures by which numbers of clusters are compared.

Fitting one number of clusters and judging its soundness belong here. Which one is chosen is decided in `train.py`,
what the clusters are called in `names.py`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import threadpoolctl

from ml_assets.models.segmentation.scaling import Matrix, QuantileScaler

Labels = npt.NDArray[np.intp]

RESTARTS = 10
BOOTSTRAPS = 20
BOOTSTRAP_RESTARTS = 3
# Silhouettes compare all pairs; figures of more customers than this differ in the third decimal.
SAMPLE = 5_000


@dataclass(frozen=True)
class Soundness:
    """How good a partition into `k` clusters is."""

    k: int
    silhouette: float
    """-1 to 1: how much nearer customers are to their own cluster than to the next (Rousseeuw, 1987)."""
    stability: float
    """Mean adjusted Rand index (Hubert and Arabie, 1985) between the partition and refits on bootstrap samples."""
    davies_bouldin: float
    """Mean overlap of each cluster with its worst neighbour, 0 is best (Davies and Bouldin, 1979)."""
    smallest_share: float
    """Share of the customers in the smallest cluster."""


def fit_centroids(scaled: Matrix, k: int, *, seed: int, restarts: int = RESTARTS) -> Matrix:
    """The centroids, shape (k, inputs), of the best of several runs of Lloyd's k-means, richest cluster first.

    Ordered by their sum, because the numbers that k-means gives its clusters mean nothing.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 slow to import, and scoring needs none of it
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415

    # Threads would add up in any order, and the last bits with them.
    with _threads().limit(limits=1), warnings.catch_warnings():
        # Fewer distinct customers than clusters in a bootstrap sample; its score shows it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        means = KMeans(k, n_init=restarts, random_state=seed, algorithm="lloyd").fit(scaled).cluster_centers_
    centroids: Matrix = means[np.argsort(-means.sum(axis=1), kind="stable")].astype(np.float64)
    return centroids


def nearest(scaled: Matrix, centroids: Matrix) -> Labels:
    """The row of the nearest centroid by Euclidean distance, the first of equally near ones; shape (customers,)."""
    distances = np.stack([((scaled - centroid) ** 2).sum(axis=1) for centroid in centroids], axis=1)
    labels: Labels = distances.argmin(axis=1)
    return labels


def judge(values: Matrix, k: int, *, seed: int) -> tuple[Soundness, Labels]:
    """The soundness of `k` clusters of the unscaled values, and the partition of the same rows."""
    from sklearn.metrics import davies_bouldin_score, silhouette_score  # noqa: PLC0415 as above

    scaled = QuantileScaler.fit(values).transform(values)
    labels = nearest(scaled, fit_centroids(scaled, k, seed=seed))
    sizes = np.bincount(labels, minlength=k)
    separable = 2 <= len(np.unique(labels)) < len(labels)
    return Soundness(
        k=k,
        silhouette=float(silhouette_score(scaled, labels)) if separable else 0.0,
        stability=_stability(values, labels, k, seed),
        davies_bouldin=float(davies_bouldin_score(scaled, labels)) if separable else 0.0,
        smallest_share=float(sizes.min() / len(labels)),
    ), labels


@cache
def _threads() -> threadpoolctl.ThreadpoolController:
    """Looking up the loaded thread pools takes as long as a small fit, so it is done once."""
    return threadpoolctl.ThreadpoolController()


def _stability(values: Matrix, labels: Labels, k: int, seed: int) -> float:
    """Scaler and clusters are both refitted, and judged on every customer of the original partition."""
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415 as above

    random = np.random.default_rng([seed, k])
    scores = []
    for _ in range(BOOTSTRAPS):
        sample = values[random.integers(0, len(values), len(values))]
        scaler = QuantileScaler.fit(sample)
        centroids = fit_centroids(scaler.transform(sample), k, seed=seed, restarts=BOOTSTRAP_RESTARTS)
        scores.append(adjusted_rand_score(labels, nearest(scaler.transform(values), centroids)))
    return float(np.mean(scores))
