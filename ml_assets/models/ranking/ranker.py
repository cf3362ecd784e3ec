"""The learned ranker: gradient-boosted trees over everything known of a candidate pair."""

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import Field

from ml_assets.models.artifacts import Arrays
from ml_assets.models.boosting import from_text, load_lightgbm, to_text
from ml_assets.models.kernels.csr import Float32
from ml_assets.models.parameters import Seed, SourceNames
from ml_assets.models.ranking.candidates import Pool
from ml_assets.models.ranking.examples import choose_examples, joined_features
from ml_assets.models.ranking.features import Description
from ml_assets.models.ranking.method import Lesson, Method

if TYPE_CHECKING:
    import lightgbm
Objective = Literal["lambdarank", "rank_xendcg"]
NOVELTIES = (0.02, 0.06)
"""Weights of novelty that compete."""


class Ranker(Method):
    """The second of two stages: candidates of all sources, ranked by LightGBM (Ke et al., NeurIPS 2017).

    score = logistic(mean of the boosters' sums + `novelty` x spread of the sums x bits), where bits = -log2(buyers of
    the item / customers): a little of it shows many more different items at no cost in hits. The boosters of the
    `committee` differ by their seeds; averaging calms the noise of sampling (bagging, Breiman, Machine Learning 1996).
    Objectives: `lambdarank` (Burges, MSR-TR-2010-82) or `rank_xendcg` (Bruch, arXiv:1911.09798). Learned from earlier
    windows only, with the label window as long as the longest horizon that is judged.
    """

    name = "ranker"
    free = ("novelty",)

    boosters_: "list[lightgbm.Booster]"
    """The trees, kept as LightGBM's own text, which runs no code when read."""
    spread_: float
    """Standard deviation of the first booster's sums over the examples."""

    def __init__(
        self,
        sources: SourceNames,
        *,
        objective: Annotated[Objective, Field(description="What the trees minimise.")] = "lambdarank",
        rounds: Annotated[int, Field(ge=1, description="Trees of each booster.")] = 100,
        leaves: Annotated[int, Field(ge=2, description="Most leaves of a tree.")] = 20,
        learning_rate: Annotated[float, Field(gt=0, le=1, description="Shrinkage of each tree.")] = 0.1,
        min_leaf: Annotated[int, Field(ge=1, description="Fewest pairs in a leaf; small shops take fewer.")] = 1000,
        negatives: Annotated[int, Field(ge=1, description="Pairs that were not bought, for each customer.")] = 30,
        novelty: Annotated[float, Field(ge=0, description="Weight of the surprise of an item.")] = 0.02,
        committee: Annotated[int, Field(ge=1, description="Boosters that are averaged.")] = 3,
        threads: Annotated[int, Field(ge=1, description="Of LightGBM.")] = 1,
        seed: Seed = 20170101,
    ) -> None:
        self.sources = list(sources)
        self.objective = objective
        self.rounds = rounds
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.min_leaf = min_leaf
        self.negatives = negatives
        self.novelty = novelty
        self.committee = committee
        self.threads = threads
        self.seed = seed

    @property
    def needs(self) -> tuple[str, ...]:
        """All its sources."""
        return tuple(self.sources)

    def fit(self, lessons: Sequence[Lesson], placement: str) -> Self:
        """Grow the trees."""
        lightgbm = load_lightgbm()
        chosen = [
            choose_examples(lesson, placement, negatives=self.negatives, seed=self.seed + number)
            for number, lesson in enumerate(lessons)
        ]
        names, features = joined_features(lessons, chosen)
        data = lightgbm.Dataset(
            features,
            np.concatenate([examples.label for examples in chosen]).astype(np.int8),
            group=np.concatenate([examples.groups for examples in chosen]),
            feature_name=names,
            params={"max_bin": 63, "num_threads": self.threads, "verbose": -1},
        )
        given = {
            "objective": self.objective,
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            # Leaves of few pairs learn single customers.
            "min_data_in_leaf": max(20, min(self.min_leaf, features.shape[0] // 200)),
            "feature_fraction": 0.7,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": 5.0,
            "lambdarank_truncation_level": 20,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        self.boosters_ = [
            lightgbm.train({**given, "seed": self.seed + number}, data, self.rounds) for number in range(self.committee)
        ]
        self.spread_ = float(np.std(self.boosters_[0].predict(features, num_threads=self.threads)))
        return self

    def draft(self) -> Self:
        """One booster instead of the committee: enough to judge by, in a fraction of the time."""
        made = copy(self)
        made.committee = 1
        return made

    def variants(self) -> list[Self]:
        """The same trees with other weights of novelty, which need no training."""
        made = []
        for novelty in NOVELTIES:
            variant = copy(self)
            variant.novelty = novelty
            made.append(variant)
        return made

    def score(self, pool: Pool, description: Description) -> Float32:
        """What the trees say, brought between 0 and 1 by the logistic function, which keeps the order."""
        if not pool.items.size:
            return np.empty(0, np.float32)
        _, features = description.matrix(pool)
        sums = [booster.predict(features, num_threads=self.threads) for booster in self.boosters_]
        bits = description.bits[pool.items]
        raw = np.mean(np.asarray(sums, dtype=np.float64), axis=0) + self.novelty * self.spread_ * bits
        return np.asarray(1.0 / (1.0 + np.exp(-raw)), dtype=np.float32)

    def learned(self) -> Arrays:
        """The trees as text."""
        trees = {f"trees_{number}": to_text(booster) for number, booster in enumerate(self.boosters_)}
        return {**trees, "spread": np.array([self.spread_])}

    def restored(self, arrays: Arrays) -> Self:
        """With what `learned` returned."""
        self.boosters_ = [from_text(arrays[f"trees_{number}"]) for number in range(self.committee)]
        self.spread_ = float(arrays["spread"][0])
        return self
