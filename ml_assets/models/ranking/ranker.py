"""The learned ranker: gradient-boosted trees over everything known of a candidate pair."""

from collections.abc import Sequence
from copy import copy
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field

from ml_assets.models.artifacts import Arrays
from ml_assets.models.boosting import load_lightgbm
from ml_assets.models.kernels.csr import Bools, Float32, Float64
from ml_assets.models.matrices.sparse_scores import blocks
from ml_assets.models.parameters import Seed, SourceNames
from ml_assets.models.ranking.candidates import Pool
from ml_assets.models.ranking.examples import choose_examples, joined_features, some_customers
from ml_assets.models.ranking.features import Description
from ml_assets.models.ranking.forest import MOST_LEAVES, Forest
from ml_assets.models.ranking.method import Lesson, Method

Objective = Literal["lambdarank", "rank_xendcg"]
NOVELTIES = (0.02, 0.06)
"""Weights of novelty that compete."""
DOUBT = 0.12
"""Of the sums of the trees, what a change must take away for the whole history without an item to score lower too."""
BLOCK = 512
"""Customers whose features are in memory together: few enough for the processor's caches."""


class Ranker(Method):
    """The second of two stages: candidates of all sources, ranked by LightGBM (Ke et al., NeurIPS 2017).

    score = logistic(sum of the trees + `novelty` x spread of the sums x bits), where bits = -log2(buyers of the item /
    customers): a little of it shows many more different items at no cost in hits. One booster of all customers is as
    good as three of half of them each, at a third of the cost of scoring.
    Objectives: `lambdarank` (Burges, MSR-TR-2010-82) or `rank_xendcg` (Bruch, arXiv:1911.09798). Learned from earlier
    windows only, with the label window as long as the longest horizon that is judged.
    """

    name = "ranker"
    is_costly = True
    free = ("novelty",)

    trees_: list[str]
    """The trees in LightGBM's own text, which runs no code when read; models of older versions have several boosters,
    whose mean counts."""
    forest_: Forest
    """All of them, laid out for scoring."""
    spread_: float
    """Standard deviation of the sums over the examples."""

    def __init__(
        self,
        sources: SourceNames,
        *,
        objective: Annotated[Objective, Field(description="What the trees minimise.")] = "lambdarank",
        rounds: Annotated[int, Field(ge=1, description="Trees.")] = 150,
        leaves: Annotated[int, Field(ge=2, le=MOST_LEAVES, description="Most leaves of a tree.")] = 20,
        learning_rate: Annotated[float, Field(gt=0, le=1, description="Shrinkage of each tree.")] = 0.07,
        min_leaf: Annotated[int, Field(ge=1, description="Fewest pairs in a leaf; small shops take fewer.")] = 1000,
        negatives: Annotated[int, Field(ge=1, description="Pairs that were not bought, for each customer.")] = 30,
        novelty: Annotated[float, Field(ge=0, description="Weight of the surprise of an item.")] = 0.02,
        customers: Annotated[
            int, Field(ge=1, description="Customers that are learned from, counted in each window.")
        ] = 12_000,
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
        self.customers = customers
        self.threads = threads
        self.seed = seed

    @property
    def needs(self) -> tuple[str, ...]:
        """All its sources."""
        return tuple(self.sources)

    def fit(self, lessons: Sequence[Lesson], placement: str) -> Self:
        """Grow the trees; without a single purchase among the candidates there are none, and all pairs are equal."""
        lightgbm = load_lightgbm()
        chosen = [
            choose_examples(lesson, placement, negatives=self.negatives, seed=self.seed + number)
            for number, lesson in enumerate(lessons)
        ]
        if not any(examples.label.any() for examples in chosen):
            self._take([])
            self.spread_ = 0.0
            return self
        chosen = some_customers(chosen, self.customers, self.seed)
        names, features = joined_features(lessons, chosen, self.sources)
        label = np.concatenate([examples.label for examples in chosen]).astype(np.int8)
        groups = np.concatenate([examples.groups for examples in chosen])
        given = {
            "objective": self.objective,
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            # Leaves of few pairs learn single customers.
            "min_data_in_leaf": max(20, min(self.min_leaf, features.shape[1] // 200)),
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
        data = lightgbm.Dataset(
            features.T,
            label,
            group=groups,
            feature_name=names,
            params={"max_bin": 63, "num_threads": self.threads, "verbose": -1},
        )
        self._take([lightgbm.train({**given, "seed": self.seed}, data, self.rounds).model_to_string()])
        self.spread_ = float(np.std(self.forest_.sums(names, features)))
        return self

    def draft(self) -> Self:
        """A third of the trees, which learn three times as fast: about as good to judge by, in a third of the time."""
        made = copy(self)
        made.rounds, made.learning_rate = max(self.rounds // 3, 1), min(3 * self.learning_rate, 1.0)
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
        return self._with_novelty(self._sums(pool, description), pool, description)

    def score_variants(self, pool: Pool, description: Description) -> list[Float32]:
        """The trees are asked once."""
        sums = self._sums(pool, description)
        return [variant._with_novelty(sums, pool, description) for variant in self.variants()]  # noqa: SLF001 our own

    def surely_lower(self, scores: Float32, others: Float32) -> Bools:
        """By `DOUBT` in the sums of the trees, which step up and down between thresholds."""
        sums, before = (np.log(p / (1 - p)) for p in (np.clip(each, 1e-6, 1 - 1e-6) for each in (scores, others)))
        lower: Bools = sums < before - DOUBT
        return lower

    def learned(self) -> Arrays:
        """The trees as text, in bytes."""
        trees = {f"trees_{number}": np.frombuffer(text.encode(), np.uint8) for number, text in enumerate(self.trees_)}
        return {**trees, "spread": np.array([self.spread_])}

    def restored(self, arrays: Arrays) -> Self:
        """With what `learned` returned."""
        self._take([arrays[name].tobytes().decode() for name in sorted(arrays) if name.startswith("trees_")])
        self.spread_ = float(arrays["spread"][0])
        return self

    def _take(self, trees: list[str]) -> None:
        self.trees_, self.forest_ = trees, Forest.of(trees)

    def _sums(self, pool: Pool, description: Description) -> Float64:
        """What the trees add up to, with the features of some customers in memory at a time."""
        sums = np.empty(pool.items.size, np.float64)
        for first, last in blocks(0, pool.starts.size - 1, BLOCK):
            part = slice(int(pool.starts[first]), int(pool.starts[last]))
            names, features = description.matrix(pool.rows_only(first, last), self.sources)
            sums[part] = self.forest_.sums(names, features) / max(len(self.trees_), 1)
        return sums

    def _with_novelty(self, sums: Float64, pool: Pool, description: Description) -> Float32:
        raw = sums + self.novelty * self.spread_ * description.bits[pool.items]
        return np.asarray(1.0 / (1.0 + np.exp(-raw)), dtype=np.float32)
