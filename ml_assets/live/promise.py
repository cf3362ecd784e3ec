"""What the backtest of a model promised of its lists, and from where on a day's figure breaks it.

The rule: a day is below where its hit rate is less than the lower end of the backtest's 95 % interval, less the
sampling error of a share among so many customers (1.96 standard errors). How many such days make a finding is in
`books/live_quality.py`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

NORMAL = 1.959964
"""Standard errors on either side of a 95 % interval."""


@dataclass(frozen=True)
class Promise:
    """The hit rate of a backtest with its 95 % interval."""

    hit_rate: float
    low: float
    high: float

    def least(self, customers: int) -> float | None:
        """The hit rate that so many customers have at least, if the promise is kept; None without customers."""
        if customers <= 0:
            return None
        return max(0.0, self.low - NORMAL * math.sqrt(self.hit_rate * (1 - self.hit_rate) / customers))


def promised(metrics: Mapping[str, float], placement: str, horizon: int) -> Promise | None:
    """The promise in the metrics of a model's card; None where its history was too short for a backtest.

    Cards from before intervals were kept promise their figure alone.
    """
    name = f"{placement}_{horizon}d_recommender_hit_rate"
    if (rate := metrics.get(name)) is None:
        return None
    return Promise(rate, metrics.get(f"{name}_low", rate), metrics.get(f"{name}_high", rate))


def share_interval(hits: int, customers: int) -> tuple[float, float]:
    """The 95 % interval of a share, by Wilson's score (JASA 1927): it holds for shares near 0 and for few as well."""
    share, square = hits / customers, NORMAL**2 / customers
    centre = (share + square / 2) / (1 + square)
    wide = NORMAL * math.sqrt(share * (1 - share) / customers + square / (4 * customers)) / (1 + square)
    return max(0.0, centre - wide), min(1.0, centre + wide)
