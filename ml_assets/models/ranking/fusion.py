"""Fusion: the sources' normalised scores in one weighted sum, with weights learned on earlier windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from pydantic import Field

from ml_assets.models.artifacts import Arrays
from ml_assets.models.kernels import pairs as pair_kernels
from ml_assets.models.kernels.csr import Bools, Float32, Float64, Int64
from ml_assets.models.matrices.sparse_scores import in_threads
from ml_assets.models.parameters import SourceNames
from ml_assets.models.ranking.candidates import Pool
from ml_assets.models.ranking.features import Description
from ml_assets.models.ranking.method import Lesson, Method, allowed_pairs

STEPS = (1.0, 0.3, 0.1)
"""Weights tried for the next source, relative to the first."""
ROUNDS = 8
"""Most sources, or further steps of one, that are added."""
LEAST_GAIN = 1e-3
"""Relative gain in NDCG below which another source is noise."""
K = 10


class Fusion(Method):
    """score(u, i) = sum over sources s of w(s) x score_s(u, i) / largest score_s of u (CombSUM with learned weights
    after Fox and Shaw, TREC-2 1994).

    The weights come from greedy forward selection (Caruana, Niculescu-Mizil, Crew and Ksikes, ICML 2004): from the
    best single source, the source and step that raise the mean NDCG@10 of the lessons most are added, until nothing
    raises it. So a fusion is never worse than its best source on what it learned from. Each lesson is thinned to
    `customers`, every n-th of those who bought.
    """

    name = "fusion"

    weights_: Float64
    """One weight per source, in the order of `sources`."""

    def __init__(
        self,
        sources: SourceNames,
        customers: Annotated[int, Field(ge=1, description="Customers of each window that are learned from.")] = 600,
    ) -> None:
        self.sources = list(sources)
        self.customers = customers

    @property
    def needs(self) -> tuple[str, ...]:
        """All its sources."""
        return tuple(self.sources)

    def fit(self, lessons: Sequence[Lesson], placement: str) -> Self:
        """Learn the weights; without a single purchase among the candidates all sources weigh the same."""
        tasks = [_Task.of(lesson, placement, self.sources, self.customers) for lesson in lessons]
        tasks = [task for task in tasks if task.label.any()]
        self.weights_ = np.ones(len(self.sources)) if not tasks else self._select(tasks)
        return self

    def score(self, pool: Pool, description: Description) -> Float32:  # noqa: ARG002 the sources say it all
        """The weighted sum, never below 0."""
        total = np.zeros(pool.items.size, np.float64)
        for name, weight in zip(self.sources, self.weights_, strict=True):
            if weight:
                total += weight * pool.relative[name]
        return np.maximum(total, 0).astype(np.float32)

    def learned(self) -> Arrays:
        """The weights."""
        return {"weights": self.weights_}

    def restored(self, arrays: Arrays) -> Self:
        """With what `learned` returned."""
        self.weights_ = arrays["weights"]
        return self

    def _select(self, tasks: "list[_Task]") -> Float64:
        count = len(self.sources)
        # A source that scores nothing, such as the category's best-sellers where items have no category, leaves the
        # order of the candidates as it is. That may be a good one, and a list of zeros says nothing.
        speaking = np.flatnonzero(np.any([task.table.any(axis=1) for task in tasks], axis=0))
        if not speaking.size:
            return np.ones(count)
        alone = np.eye(count)[speaking]
        quality = [_quality(tasks, one) for one in alone]
        weights, reached = alone[int(np.argmax(quality))], max(quality)
        for _ in range(ROUNDS):
            tried = [weights + step * one for one in alone for step in STEPS]
            quality = [_quality(tasks, candidate) for candidate in tried]
            if max(quality) < reached * (1 + LEAST_GAIN):
                break
            weights, reached = tried[int(np.argmax(quality))], max(quality)
        return np.asarray(weights)


@dataclass(frozen=True)
class _Task:
    """The allowed candidates of some customers who bought, as a table."""

    starts: Int64
    table: Float32
    """Sources x pairs."""
    label: Bools

    @classmethod
    def of(cls, lesson: Lesson, placement: str, sources: Sequence[str], customers: int) -> "_Task":
        pool = lesson.pool
        allowed = allowed_pairs(pool, placement)
        bought = np.unique(pool.rows[lesson.label & allowed])
        taken = np.zeros(pool.starts.size - 1, np.bool_)
        taken[bought[:: max(1, -(-bought.size // customers))]] = True
        places = np.flatnonzero(allowed & taken[pool.rows])
        counts = np.bincount(pool.rows[places], minlength=taken.size)[taken]
        table = np.stack([pool.relative[name][places] for name in sources])
        return cls(np.append(0, np.cumsum(counts, dtype=np.int64)), table, lesson.label[places])


def _quality(tasks: Sequence[_Task], weights: Float64) -> float:
    """Mean over the lessons of the mean NDCG@10 among the candidates."""
    discounts = 1.0 / np.log2(np.arange(2, K + 2))
    means = []
    for task in tasks:
        used = np.flatnonzero(weights)
        scores = weights[used].astype(np.float32) @ task.table[used]
        means.append(float(_ndcg(task, scores, discounts).mean()))
    return sum(means) / len(means)


def _ndcg(task: _Task, scores: Float32, discounts: Float64) -> Float64:
    out = np.zeros(task.starts.size - 1, np.float64)
    arguments = (task.starts, scores, task.label, discounts, out)
    in_threads(out.size, lambda first, last: pair_kernels.ndcg_of_pairs(first, last, *arguments))
    return out
