"""Training examples of a learned combination: all purchases among the candidates, and some that were not bought.

The sampling belongs here; what is learned from the examples does not. Only negatives are sampled, and only to learn
from; judging looks at the full catalogue.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml_assets.models.kernels.csr import Bools, Float32, Int64
from ml_assets.models.ranking.method import Lesson, allowed_pairs


@dataclass(frozen=True)
class Chosen:
    """Pairs of one lesson to learn from."""

    places: Int64
    """Positions in the pool, ascending, so that customers stay together."""
    label: Bools
    groups: Int64
    """Pairs of each customer."""

    def only(self, customers: Bools) -> "Chosen":
        """The pairs of marked customers."""
        pairs = np.repeat(customers, self.groups)
        return Chosen(self.places[pairs], self.label[pairs], self.groups[customers])


def choose_examples(lesson: Lesson, placement: str, *, negatives: int, seed: int) -> Chosen:
    """All positives of customers who have one, and about `negatives` others of each of them."""
    pool = lesson.pool
    allowed = allowed_pairs(pool, placement)
    positive = lesson.label & allowed
    customers = pool.block.size
    has_one = np.zeros(customers, np.bool_)
    has_one[pool.rows[positive]] = True
    candidates = allowed & has_one[pool.rows]
    others = np.maximum(np.bincount(pool.rows[candidates & ~positive], minlength=customers), 1)
    drawn = np.random.default_rng(seed).random(pool.rows.size) < negatives / others[pool.rows]
    places = np.flatnonzero(candidates & (positive | drawn))
    groups = np.bincount(pool.rows[places], minlength=customers)
    return Chosen(places, positive[places], groups[groups > 0])


def some_customers(chosen: Sequence[Chosen], most: int, seed: int) -> list[Chosen]:
    """The examples of at most so many customers, drawn from all lessons together."""
    sizes = [examples.groups.size for examples in chosen]
    kept = np.zeros(sum(sizes), np.bool_)
    kept[np.random.default_rng(seed).permutation(kept.size)[:most]] = True
    parts = np.split(kept, np.cumsum(sizes)[:-1])
    return [examples.only(part) for examples, part in zip(chosen, parts, strict=True)]


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
