"""Keeping customers where they are until they clearly belong elsewhere.

A customer at a border would change segments with every refit and every quiet week; nobody can work with that.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml_assets.models.segmentation.clusters import Labels
from ml_assets.models.segmentation.scaling import Matrix

NOWHERE = -1


def settle(distances: Matrix, before: npt.NDArray[np.intp], margin: float) -> Labels:
    """The segment of each customer, shape (customers,).

    `distances` of shape (customers, segments) are squared; `before` is each one's last segment, NOWHERE without one.
    A customer leaves it only for a segment that is nearer by the share `margin` of the distance (hysteresis, as of a
    Schmitt trigger): 0 is the nearest segment always.
    """
    labels: Labels = distances.argmin(axis=1)
    known = before != NOWHERE
    own = distances[np.arange(len(distances)), np.where(known, before, 0)]
    stays = known & (distances.min(axis=1) >= (1 - margin) ** 2 * own)
    return np.where(stays, before, labels)


def share_leaving(before: Matrix, now: Matrix, margin: float) -> float:
    """The share of the customers who would have left their segment between two days; at least one customer.

    Squared distances of the same customers to the same centers, shape (customers, segments).
    """
    places = before.argmin(axis=1)
    return float((settle(now, places, margin) != places).mean())
