"""Intervals and comparisons of means over customers, by the bootstrap.

Resampling belongs here (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13); what is compared,
and what follows, does not. Customers are resampled, because purchases of one customer are not independent.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ml_assets.models.kernels.csr import Float64

RESAMPLES = 500
SEED = 20170101
_KEPT = 20_000
"""Customers up to which resamples are kept for the next call."""


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % percentile interval."""

    mean: float
    low: float
    high: float


def bootstrap_means(values: Float64) -> Float64:
    """Means of resampled customers, resamples x methods; `values` is customers x methods (or customers alone).

    Columns, and calls with as many customers, share the resamples, so that differences are paired.
    """
    table = values.reshape(values.shape[0], -1)
    customers = table.shape[0]
    if customers <= _KEPT:
        return np.asarray(_resampled(customers) @ table / customers)
    rng = np.random.default_rng(SEED)
    draws = (_draw(rng, customers, 1) for _ in range(RESAMPLES))
    return np.concatenate([draw @ table / customers for draw in draws])


def interval_of(values: Float64) -> Interval:
    """The mean of one number per customer and its interval; without customers all three are 0."""
    if not values.size:
        return Interval(0.0, 0.0, 0.0)
    low, high = np.quantile(bootstrap_means(values)[:, 0], [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def relative_half_width(values: Float64) -> float:
    """Half the width of the interval of the mean, relative to the mean; 0 without customers."""
    found = interval_of(values)
    return (found.high - found.low) / 2 / found.mean if found.mean > 0 else 0.0


@lru_cache(maxsize=8)
def _resampled(customers: int) -> npt.NDArray[np.float64]:
    return _draw(np.random.default_rng(SEED), customers, RESAMPLES)


def _draw(rng: np.random.Generator, customers: int, rows: int) -> npt.NDArray[np.float64]:
    """How often each customer is drawn, rows x customers."""
    drawn = rng.integers(0, customers, size=(rows, customers))
    cells = (drawn + np.arange(rows)[:, np.newaxis] * customers).ravel()
    return np.bincount(cells, minlength=rows * customers).reshape(rows, customers).astype(np.float64)
