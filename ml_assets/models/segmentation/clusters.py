"""Finding clusters: k-means and a Gaussian mixture, both as centres and a measure of distance.

Fitting one number of clusters belongs here. How sound a partition is, is in `soundness.py`; which one is chosen in
`train.py`; which of the segments before a cluster continues in `identity.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import threadpoolctl

from ml_assets.models.segmentation.scaling import Matrix

Labels = npt.NDArray[np.intp]

RESTARTS = 20
# Stopped earlier, starts from other seeds would end beside each other, with some percent of the customers elsewhere.
TOLERANCE, MOST_ITERATIONS = 0.0, 1000
# A start from the live centres is kept where its loss is at most this much above that of the best other start.
WARM_SLACK = 0.02


@dataclass(frozen=True)
class Clusters:
    """Where clusters lie, and how far a customer is from each."""

    centers: Matrix
    """Shape (k, inputs), on the scaler's 0 to 1."""
    axes: Matrix
    """Shape (inputs, inputs): distances are Euclidean after multiplying by it; the identity for k-means."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self.centers)

    def distances(self, scaled: Matrix) -> Matrix:
        """Squared distance to each center, shape (customers, k)."""
        return np.stack([_squares((scaled - center), self.axes) for center in self.centers], axis=1)

    def nearest(self, scaled: Matrix) -> Labels:
        """The row of the nearest center, the first of equally near ones; shape (customers,)."""
        labels: Labels = self.distances(scaled).argmin(axis=1)
        return labels

    def loss(self, scaled: Matrix) -> float:
        """Mean squared distance to the nearest center."""
        return float(self.distances(scaled).min(axis=1).mean())

    def ordered(self, order: npt.NDArray[np.intp]) -> Clusters:
        """The same clusters in another order."""
        return Clusters(np.ascontiguousarray(self.centers[order]), self.axes)


def _squares(differences: Matrix, axes: Matrix) -> Matrix:
    """Squared lengths after multiplying by the axes, shape (customers,).

    Written out because libraries add up in an order of their own; SQL (`assign_segment`) has to come to the same bits.
    """
    turned = [sum(differences[:, row] * axes[row, column] for row in range(len(axes))) for column in range(len(axes))]
    squares: Matrix = np.asarray(sum(one * one for one in turned))
    return squares


Fit = Callable[[Matrix, int, int, int, Matrix | None], Clusters]
"""From scaled values, k, seed, restarts and centers to start from (None: k-means++) to clusters, in any order."""


def _k_means(scaled: Matrix, k: int, seed: int, restarts: int, start: Matrix | None) -> Clusters:
    """Lloyd's algorithm."""
    from sklearn.cluster import KMeans  # noqa: PLC0415 slow to import, and scoring needs none of it

    given = {} if start is None else {"init": start}
    model = KMeans(
        k, n_init=1 if given else restarts, random_state=seed, tol=TOLERANCE, max_iter=MOST_ITERATIONS, **given
    ).fit(scaled)
    return Clusters(model.cluster_centers_.astype(np.float64), np.eye(scaled.shape[1]))


def _gaussian_mixture(scaled: Matrix, k: int, seed: int, restarts: int, start: Matrix | None) -> Clusters:
    """Normal distributions of one shared covariance (McLachlan and Peel, 2000), by expectation-maximization.

    Customers belong to the nearest mean by Mahalanobis distance: the most likely component where all are equally
    common, so that a large segment does not draw in the customers of a small one beside it.
    """
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415 as above

    model = GaussianMixture(
        k, covariance_type="tied", n_init=1 if start is not None else max(1, restarts // 6), random_state=seed,
        means_init=start,
    ).fit(scaled)  # fmt: skip
    return Clusters(model.means_.astype(np.float64), model.precisions_cholesky_.astype(np.float64))


METHODS: dict[str, Fit] = {"k-means": _k_means, "gaussian mixture": _gaussian_mixture}
"""In the order of preference where two are equally good."""


def fit_clusters(
    scaled: Matrix, k: int, *, method: str = "k-means", seed: int, restarts: int = RESTARTS, start: Matrix | None = None
) -> Clusters:
    """The best of several fits, in descending order of the sum of the centers: the fit's own order means nothing.

    With `start` (the live centers, shape (k, inputs)) the fit that continues from there is taken, unless another is
    clearly better.
    """
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 as above

    fit = METHODS[method]
    # Threads would add up in any order, and the last bits with them.
    with _threads().limit(limits=1), warnings.catch_warnings():
        # Fewer distinct customers than clusters in a bootstrap sample; its score shows it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = fit(scaled, k, seed, restarts, None)
        if start is not None:
            warm = fit(scaled, k, seed, 1, start)
            if warm.loss(scaled) <= (1 + WARM_SLACK) * clusters.loss(scaled):
                clusters = warm
    return clusters.ordered(np.argsort(-clusters.centers.sum(axis=1), kind="stable"))


@cache
def _threads() -> threadpoolctl.ThreadpoolController:
    """Looking up the loaded thread pools takes as long as a small fit, so it is done once."""
    return threadpoolctl.ThreadpoolController()
