"""Calibration: scores brought to what followed them, without changing their order.

Isotonic regression (Barlow et al., 1972; Zadrozny and Elkan, KDD 2002) over groups of customers with similar scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml_assets.models.value.window import Vector

SPEND_GROUPS = 20
"""Groups of spend: more of them learn the chance of single customers, which is large."""
ORDER_GROUPS = 100
"""Groups of probabilities, fine enough to tell apart the few who are about to leave."""
MIN_GROUP = 20
"""Fewest customers in one: the step of a single customer would be chance, and the highest score is often alone."""


@dataclass(frozen=True)
class Calibration:
    """A rising line through (mean score, mean outcome) of groups of customers."""

    scores: Vector
    """Ascending."""
    outcomes: Vector
    """Not descending, at least 0."""

    @classmethod
    def fit(cls, scores: Vector, outcomes: Vector, groups: int) -> Calibration:
        """Learn from the scores of customers and what they did, in at most so many groups; needs a customer."""
        from sklearn.isotonic import isotonic_regression  # noqa: PLC0415 slow to import, and scoring needs none of it

        group = _groups(scores, groups)
        sizes = np.bincount(group).astype(np.float64)
        means = np.bincount(group, weights=scores) / sizes
        heights = isotonic_regression(np.bincount(group, weights=outcomes) / sizes, sample_weight=sizes, y_min=0.0)
        return cls(means, np.asarray(heights, dtype=np.float64))

    def apply(self, scores: Vector) -> Vector:
        """Outcomes to be expected; beyond the highest group in proportion to it, below the lowest as there."""
        expected: Vector = np.interp(scores, self.scores, self.outcomes)
        top, height = self.scores[-1], self.outcomes[-1]
        return np.where(scores > top, height * scores / top, expected) if top > 0 else expected


def _groups(scores: Vector, groups: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The group of every customer, from 0 in the order of the scores; equal scores are never torn apart."""
    size = max(MIN_GROUP, -(-len(scores) // groups))
    different, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    group = np.zeros(len(different), dtype=np.int64)
    filled, number = 0, 0
    left = len(scores)
    for row, count in enumerate(counts):
        if filled >= size and left >= size:
            number, filled = number + 1, 0
        group[row] = number
        filled += int(count)
        left -= int(count)
    return group[place]
