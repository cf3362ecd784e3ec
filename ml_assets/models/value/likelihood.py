"""Maximum likelihood for a few positive parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ml_assets.models.value.window import Vector

MOST_LOG = 9.0
"""Bound of the logarithms: equal customers have no variance to estimate, and the parameters would run away."""
NOWHERE = 1e9


def greatest_likelihood(
    log_likelihoods: Callable[[list[float]], Vector], starts: Sequence[Sequence[float]]
) -> list[float] | None:
    """The parameters of the greatest mean log-likelihood, searched from several starts; None where there is none.

    `log_likelihoods` gives that of each customer. Searched in logarithms, by L-BFGS-B with numerical gradients.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 slow to import, and scoring needs none of it
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 as above

    def cost(logs: Vector) -> float:
        value = -float(log_likelihoods(np.exp(logs).tolist()).mean())
        return value if np.isfinite(value) else NOWHERE

    # Matrices of four rows: threads cost more than they save, and change the last bits.
    with threadpool_limits(limits=1):
        found = [
            minimize(cost, np.log(start), method="L-BFGS-B", bounds=[(-MOST_LOG, MOST_LOG)] * len(start))
            for start in starts
        ]
    best = min(found, key=lambda one: float(one.fun))
    return None if best.fun >= NOWHERE else [float(value) for value in np.exp(best.x)]
