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
SKETCHED, SHORTLISTED = 4, 12
"""One in so many customers shows which so many steps are worth trying on all."""
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
        tasks = self._tasks(lessons, placement, self.customers)
        sketch = self._tasks(lessons, placement, max(1, self.customers // SKETCHED))
        self.weights_ = np.ones(len(self.sources)) if not tasks else self._select(tasks, sketch)
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

    def _tasks(self, lessons: Sequence[Lesson], placement: str, customers: int) -> "list[_Task]":
        """What is learned from; without lessons in which nobody bought a candidate."""
        tasks = [_Task.of(lesson, placement, self.sources, customers) for lesson in lessons]
        return [task for task in tasks if task.label.any()]

    def _select(self, tasks: "list[_Task]", sketch: "list[_Task]") -> Float64:
        weights = np.zeros(len(self.sources))
        # A source that scores nothing, such as the category's best-sellers where items have no category, leaves the
        # order of the candidates as it is. That may be a good one, and a list of zeros says nothing.
        speaking = np.flatnonzero(np.any([task.table.any(axis=1) for task in tasks], axis=0))
        if not speaking.size:
            return np.ones(len(self.sources))
        alone = [_quality(tasks, int(each), 1.0) for each in speaking]
        reached, source, step = max(alone), int(speaking[np.argmax(alone)]), 1.0
        steps = [(int(each), step) for each in speaking for step in STEPS]
        for _ in range(ROUNDS + 1):
            weights[source] += step
            for task in (*tasks, *sketch):
                task.total[:] += np.float32(step) * task.table[source]
            rough = np.array([_quality(sketch, *each) for each in steps])
            tried = [steps[place] for place in np.argsort(-rough, kind="stable")[:SHORTLISTED]]
            quality = [_quality(tasks, *each) for each in tried]
            if max(quality) < reached * (1 + LEAST_GAIN):
                break
            reached, (source, step) = max(quality), tried[int(np.argmax(quality))]
        return weights


@dataclass(frozen=True)
class _Task:
    """The allowed candidates of some customers who bought, as a table."""

    starts: Int64
    table: Float32
    """Sources x pairs."""
    label: Bools
    total: Float32
    """By pair, the weighted sum so far."""

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
        starts = np.append(0, np.cumsum(counts, dtype=np.int64))
        return cls(starts, table, lesson.label[places], np.zeros(places.size, np.float32))


def _quality(tasks: Sequence[_Task], source: int, step: float) -> float:
    """Mean over the lessons of the mean NDCG@10 among the candidates, with a step of a source beside what there is."""
    discounts = 1.0 / np.log2(np.arange(2, K + 2))
    return sum(float(_ndcg(task, source, step, discounts).mean()) for task in tasks) / len(tasks)


def _ndcg(task: _Task, source: int, step: float, discounts: Float64) -> Float64:
    out = np.zeros(task.starts.size - 1, np.float64)
    arguments = (task.starts, task.total, task.table[source], np.float32(step), task.label, discounts, out)
    in_threads(out.size, lambda first, last: pair_kernels.ndcg_of_pairs(first, last, *arguments))
    return out
