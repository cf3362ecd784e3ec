"""Training examples of a learned combination: all purchases among the candidates, and some that were not bought.

The sampling belongs here; what is learned from the examples does not. Only negatives are sampled, and only to learn
from; judging looks at the full catalogue.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml_assets.models.kernels.csr import Bools, Float32, Int64
from ml_assets.models.ranking.method import Lesson, allowed_pairs

LEAST_CUSTOMERS = 2000
"""Below so many customers nobody is left out."""


@dataclass(frozen=True)
class Chosen:
    """Pairs of one lesson to learn from."""

    places: Int64
    """Positions in the pool, ascending, so that customers stay together."""
    label: Bools
    groups: Int64
    """Pairs of each customer."""


def choose_examples(lesson: Lesson, placement: str, *, negatives: int, seed: int) -> Chosen:
    """All positives of customers who have one, and about `negatives` others of each of them."""
    pool = lesson.pool
    allowed = allowed_pairs(pool, placement)
    positive = lesson.label & allowed
    customers = pool.last - pool.first
    has_one = np.zeros(customers, np.bool_)
    has_one[pool.rows[positive]] = True
    candidates = allowed & has_one[pool.rows]
    others = np.maximum(np.bincount(pool.rows[candidates & ~positive], minlength=customers), 1)
    drawn = np.random.default_rng(seed).random(pool.rows.size) < negatives / others[pool.rows]
    places = np.flatnonzero(candidates & (positive | drawn))
    groups = np.bincount(pool.rows[places], minlength=customers)
    return Chosen(places, positive[places], groups[groups > 0])


def some_customers(groups: Int64, share: float, seed: int) -> tuple[Bools, Int64]:
    """Which examples belong to a drawn share of the customers, and the sizes of their groups; never to too few."""
    wanted = max(round(share * groups.size), min(groups.size, LEAST_CUSTOMERS))
    drawn = np.zeros(groups.size, np.bool_)
    drawn[np.random.default_rng(seed).permutation(groups.size)[:wanted]] = True
    return np.repeat(drawn, groups), groups[drawn]


def joined_features(
    lessons: Sequence[Lesson], chosen: Sequence[Chosen], sources: Sequence[str]
) -> tuple[list[str], Float32]:
    """Names, and features x examples, lesson after lesson."""
    names: list[str] = []
    parts = []
    for lesson, examples in zip(lessons, chosen, strict=True):
        names, rows = lesson.description.matrix(lesson.pool.only(examples.places), sources)
        parts.append(rows)
    return names, np.concatenate(parts, axis=1)
