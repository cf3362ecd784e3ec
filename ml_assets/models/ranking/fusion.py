"""Fusion: the sources' normalised scores in one weighted sum, with weights learned on earlier windows."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from ml_assets.models.artifacts import Arrays
from ml_assets.models.ranking.examples import choose_examples
from ml_assets.models.ranking.features import Description
from ml_assets.models.ranking.method import Lesson, Method
from ml_assets.models.ranking.pool import Pool
from ml_assets.models.recommenders.sparse import Float32

Float64 = npt.NDArray[np.float64]


class Fusion(Method):
    """score(u, i) = sum over sources s of w(s) x score_s(u, i) / largest score_s of u (CombSUM with learned weights
    after Fox and Shaw, TREC-2 1994).

    The weights, none below 0, minimise the listwise cross-entropy of ListNet (Cao, Qin, Liu, Tsai and Li, ICML 2007)
    between what was bought and a softmax over each customer's examples, plus `regularisation` x |w|^2.
    """

    name = "fusion"

    weights_: Float64
    """One weight per source, in the order of `sources`."""

    def __init__(
        self, sources: Sequence[str], negatives: int = 40, regularisation: float = 1e-4, seed: int = 20170101
    ) -> None:
        self.sources = list(sources)
        self.negatives = negatives
        self.regularisation = regularisation
        self.seed = seed

    @property
    def needs(self) -> tuple[str, ...]:
        """All its sources."""
        return tuple(self.sources)

    def fit(self, lessons: Sequence[Lesson], placement: str) -> Self:
        """Learn the weights; without a single purchase among the candidates all sources weigh the same."""
        tables, labels, groups = [], [], []
        for lesson in lessons:
            chosen = choose_examples(lesson, placement, negatives=self.negatives, seed=self.seed)
            tables.append(self._table(lesson.pool)[chosen.places])
            labels.append(chosen.label)
            groups.append(chosen.groups)
        table, label, sizes = np.concatenate(tables), np.concatenate(labels), np.concatenate(groups)
        start = np.ones(len(self.sources))
        self.weights_ = start if not sizes.size else self._minimise(table.astype(np.float64), label, sizes, start)
        return self

    def score(self, pool: Pool, description: Description) -> Float32:  # noqa: ARG002 the sources say it all
        """The weighted sum."""
        return np.asarray(self._table(pool) @ self.weights_, dtype=np.float32)

    def learned(self) -> Arrays:
        """The weights."""
        return {"weights": self.weights_}

    def restored(self, arrays: Arrays) -> Self:
        """With what `learned` returned."""
        self.weights_ = arrays["weights"]
        return self

    def _table(self, pool: Pool) -> Float32:
        """Pairs x sources."""
        return np.column_stack([pool.relative[name] for name in self.sources])

    def _minimise(
        self, table: Float64, label: npt.NDArray[np.bool_], sizes: npt.NDArray[np.int64], start: Float64
    ) -> Float64:
        starts = np.append(0, np.cumsum(sizes)[:-1])
        bought = np.add.reduceat(label.astype(np.float64), starts)
        target = label / np.repeat(bought, sizes)
        pulled = table.T @ target

        def loss(weights: Float64) -> tuple[float, Float64]:
            raw = table @ weights
            shifted = raw - np.repeat(np.maximum.reduceat(raw, starts), sizes)
            powers = np.exp(shifted)
            totals = np.add.reduceat(powers, starts)
            shares = powers / np.repeat(totals, sizes)
            value = np.log(totals).sum() - float(target @ shifted) + penalty * float(weights @ weights)
            return value, table.T @ shares - pulled + 2 * penalty * weights

        penalty = self.regularisation * sizes.size
        found = minimize(
            loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * start.size, options={"maxiter": 100}
        )
        weights: Float64 = found.x
        return weights if weights.max() > 0 else start
