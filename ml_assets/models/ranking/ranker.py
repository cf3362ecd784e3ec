"""The learned ranker: gradient-boosted trees over everything known of a candidate pair."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from ml_assets.models.artifacts import Arrays
from ml_assets.models.ranking.examples import choose_examples, joined_features
from ml_assets.models.ranking.features import Description
from ml_assets.models.ranking.method import Lesson, Method
from ml_assets.models.ranking.pool import Pool
from ml_assets.models.recommenders.sparse import Float32

if TYPE_CHECKING:
    import lightgbm


class Ranker(Method):
    """The second of two stages: candidates of all sources, ranked by LightGBM (Ke et al., NeurIPS 2017).

    Objectives: `lambdarank` (Burges, MSR-TR-2010-82) or `rank_xendcg` (Bruch, arXiv:1911.09798). Learned from earlier
    windows only, with the label window as long as the longest horizon that is judged.
    """

    name = "ranker"

    booster_: "lightgbm.Booster"
    """The trees, kept as LightGBM's own text, which runs no code when read."""

    def __init__(
        self,
        sources: Sequence[str],
        *,
        objective: str = "lambdarank",
        rounds: int = 150,
        leaves: int = 31,
        learning_rate: float = 0.1,
        min_leaf: int = 1000,
        negatives: int = 50,
        threads: int = 1,
        seed: int = 20170101,
    ) -> None:
        self.sources = list(sources)
        self.objective = objective
        self.rounds = rounds
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.min_leaf = min_leaf
        self.negatives = negatives
        self.threads = threads
        self.seed = seed

    @property
    def needs(self) -> tuple[str, ...]:
        """All its sources."""
        return tuple(self.sources)

    def fit(self, lessons: Sequence[Lesson], placement: str) -> Self:
        """Grow the trees."""
        import lightgbm  # noqa: PLC0415 slow to import, and most processes never train or rank

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
        self.booster_ = lightgbm.train(
            {
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
                "seed": self.seed,
                "verbose": -1,
            },
            data,
            self.rounds,
        )
        return self

    def score(self, pool: Pool, description: Description) -> Float32:
        """The sum of the trees, brought between 0 and 1 by the logistic function, which keeps the order."""
        if not pool.items.size:
            return np.empty(0, np.float32)
        _, features = description.matrix(pool)
        raw = np.asarray(self.booster_.predict(features, num_threads=self.threads), dtype=np.float64)
        return np.asarray(1.0 / (1.0 + np.exp(-raw)), dtype=np.float32)

    def learned(self) -> Arrays:
        """The trees as text."""
        return {"trees": np.frombuffer(self.booster_.model_to_string().encode(), dtype=np.uint8)}

    def restored(self, arrays: Arrays) -> Self:
        """With what `learned` returned."""
        import lightgbm  # noqa: PLC0415

        self.booster_ = lightgbm.Booster(model_str=arrays["trees"].tobytes().decode())
        return self
