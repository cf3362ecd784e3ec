"""The interface of everything that can fill a placement, and the simplest of its kind: one source alone.

A method scores candidate pairs. What it needs from the sources, how it learns from earlier windows and what it keeps
belong here; which method a placement gets is the business of `selection/`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from pydantic import JsonValue

from ml_assets.models.artifacts import Arrays
from ml_assets.models.kernels.csr import Bools, Float32
from ml_assets.models.placements import shown_repeats
from ml_assets.models.ranking.candidates import Pool
from ml_assets.models.ranking.features import Description

TIE_BREAK = np.float32(1e-6)
"""Weight of popularity beside a source's largest score: orders what the source leaves equal and nothing else."""


@dataclass(frozen=True)
class Lesson:
    """One window to learn from: candidates as of its first day, and what was bought in it."""

    pool: Pool
    description: Description
    bought: dict[int, Bools]
    """By horizon in days: whether each pair was bought within it."""

    @property
    def label(self) -> Bools:
        """Bought within the longest horizon: a label window shorter than what is judged spoils the list."""
        return self.bought[max(self.bought)]


class Method(ABC):
    """A way to rank the candidates of a placement."""

    name: ClassVar[str]
    learns: ClassVar[bool] = True
    """Whether `fit` needs lessons."""
    is_costly: ClassVar[bool] = False
    """Whether only promising candidates are worth its cost."""
    free: ClassVar[tuple[str, ...]] = ()
    """Parameters that `variants` changes."""

    @property
    @abstractmethod
    def needs(self) -> tuple[str, ...]:
        """Names of the sources whose scores it reads."""

    @property
    def parameters(self) -> dict[str, JsonValue]:
        """What was given to the constructor."""
        return {name: value for name, value in vars(self).items() if not name.endswith("_")}

    def fit(self, lessons: Sequence[Lesson], placement: str) -> Self:  # noqa: ARG002 single sources learn nothing
        """Learn to rank the candidates that the placement allows."""
        return self

    def draft(self) -> Self:
        """An unfitted method that is cheaper to fit and about as good, to be judged in its place."""
        return self

    def variants(self) -> list[Self]:
        """The fitted method with other parameters that need no further training."""
        return [self]

    @abstractmethod
    def score(self, pool: Pool, description: Description) -> Float32:
        """One finite score per pair of the pool; higher is better."""

    def score_variants(self, pool: Pool, description: Description) -> list[Float32]:
        """The scores of each of the `variants`."""
        return [variant.score(pool, description) for variant in self.variants()]

    def surely_lower(self, scores: Float32, others: Float32) -> Bools:
        """Whether scores are lower than others by more than small changes of what is known can make."""
        return scores < others

    def learned(self) -> Arrays:
        """What `fit` learned, as arrays for an artifact."""
        return {}

    def restored(self, arrays: Arrays) -> Self:  # noqa: ARG002
        """The method as `fit` left it, from what `learned` returned."""
        return self


class Single(Method):
    """One source alone; what it leaves equal, and what it says nothing of, follows by popularity."""

    name = "single"
    learns = False

    def __init__(self, source: str) -> None:
        self.source = source

    @property
    def needs(self) -> tuple[str, ...]:
        """The source, and popularity for ties."""
        return tuple(dict.fromkeys((self.source, "popularity")))

    def score(self, pool: Pool, description: Description) -> Float32:  # noqa: ARG002 the source says it all
        """The source's scores relative to the customer's largest."""
        own, popular = np.maximum(pool.relative[self.source], 0), pool.relative["popularity"]
        return np.asarray(own + TIE_BREAK * popular, dtype=np.float32)


def allowed_pairs(pool: Pool, placement: str) -> Bools:
    """The pairs that the placement's repeat policy allows."""
    policy = shown_repeats(placement, may_repeat=pool.may_repeat)
    return {"allowed": np.ones(pool.items.size, np.bool_), "never": ~pool.bought, "only": pool.bought}[policy]
