"""What another list would have brought, estimated from lists that explored, without showing it to anybody.

Only arithmetic belongs here; reading lists and outcomes is in `ml_assets/live/logged.py`. Every formula has its source,
and `test_off_policy.py` holds all of them against a simulation in which the truth is known.

- Inverse propensity scores (IPS): Horvitz and Thompson, "A Generalization of Sampling Without Replacement From a Finite
  Universe", JASA 1952; for recommendations Li, Chu, Langford and Wang, "Unbiased Offline Evaluation of
  Contextual-Bandit-Based News Article Recommendation Algorithms", WSDM 2011.
- Self-normalised: Swaminathan and Joachims, "The Self-Normalized Estimator for Counterfactual Learning", NIPS 2015.
- Doubly robust: Dudik, Langford and Li, "Doubly Robust Policy Evaluation and Learning", ICML 2011. The rewards are
  predicted from other customers, so that no purchase explains itself.
- Effective sample size: Kish, "Survey Sampling", 1965.

The worth of a list is how many of its items the customer buys. An item counts alike at every place of the list, and
whatever else stands there: lists draw their items nearly independently, so the probability of a whole list would be far
too small to divide by. Lists of one customer are alike, so intervals are those of customers, not of lists.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import stdtrit

from ml_assets.experiments.statistics import Interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
ALPHA = 0.05
FOLDS = 5
"""Parts of the customers; each is predicted from the others."""
PRIOR = 20
"""Times shown that the mean of a source weighs as much as in the prediction of one of its items."""


@dataclass(frozen=True)
class Estimate:
    """One estimate of what another list is worth."""

    worth: Interval
    """Items bought of a list."""
    difference: Interval
    """The same less what the lists that were shown brought."""


@dataclass(frozen=True)
class Estimates:
    """What is known of another list; `shown` is the worth of those that were shown, on the same days."""

    lists: int
    customers: int
    shown: Interval
    ips: Estimate
    self_normalised: Estimate
    doubly_robust: Estimate
    items: int
    """Of all the other lists together."""
    effective_items: float
    """As many items, had the lists that were shown been these, would tell as much."""

    @property
    def by_method(self) -> Mapping[str, Estimate]:
        """All three by their names."""
        return {name: getattr(self, name) for name in ("ips", "self_normalised", "doubly_robust")}


def estimate(lists: pl.DataFrame, items: pl.DataFrame) -> Estimates:
    """What lists are worth of which every item might have been shown.

    `lists` has one row per list: customer, any number, and bought, how many items the customer bought of those that
    were shown. `items` has one row per item of the other lists: list, the number of a row of `lists`, propensity, above
    0, is_shown, bought and predicted, the reward from `predicted_rewards`.
    """
    count = lists.height
    owner: Ints = items["list"].cast(pl.Int64).to_numpy()
    shown, bought, propensity, predicted = (
        items[name].cast(pl.Float64).to_numpy() for name in ("is_shown", "bought", "propensity", "predicted")
    )
    weights: Floats = shown / propensity

    def per_list(values: Floats) -> Floats:
        return np.bincount(owner, values, minlength=count).astype(np.float64)

    sizes, weight, reward = per_list(np.ones_like(weights)), per_list(weights), per_list(weights * bought)
    rate = reward.sum() / weight.sum() if weight.sum() else 0.0
    # An estimate is a mean over lists; of the ratio its linear part, by the delta method.
    normalised = sizes * rate
    if weight.sum():
        normalised = normalised + sizes.mean() * (reward - rate * weight) / weight.mean()
    robust = per_list(predicted + weights * (bought - predicted))
    logged: Floats = lists["bought"].cast(pl.Float64).to_numpy()
    _, customers = np.unique(lists["customer"].to_numpy(), return_inverse=True)

    def told(values: Floats) -> Estimate:
        return Estimate(_mean(values, customers), _mean(values - logged, customers))

    squares = float(weights @ weights)
    return Estimates(
        count,
        int(customers.max(initial=-1)) + 1,
        _mean(logged, customers),
        told(reward),
        told(normalised),
        told(robust),
        items.height,
        float(weights.sum()) ** 2 / squares if squares else 0.0,
    )


def predicted_rewards(shown: pl.DataFrame, asked: pl.DataFrame) -> pl.Series:
    """How often each asked item is bought when it is shown, from customers of other folds.

    Both have customer, a number from 0, source and item_id; `shown` has bought as well. An item is as good as the
    others of its source, until it was shown often enough to say otherwise.
    """
    fold = (pl.col("customer") % FOLDS).alias("fold")
    known = shown.with_columns(fold)
    found = asked.select(fold, "source", "item_id")
    everything = float(known.select(pl.col("bought").cast(pl.Float64).mean()).item() or 0.0)
    for keys, prefix in ((["source"], "source"), (["source", "item_id"], "item")):
        told = [pl.len().alias(f"{prefix}_n"), pl.col("bought").cast(pl.Float64).sum().alias(f"{prefix}_hits")]
        of_all = known.group_by(keys).agg(told)
        own = known.group_by([*keys, "fold"]).agg(told)
        found = found.join(of_all, on=keys, how="left", maintain_order="left").join(
            own, on=[*keys, "fold"], how="left", maintain_order="left", suffix="_own"
        )
    names = ("source_n", "source_hits", "item_n", "item_hits")
    less = found.select(pl.col(name).fill_null(0) - pl.col(f"{name}_own").fill_null(0) for name in names)
    of_source = (pl.col("source_hits") + PRIOR * everything) / (pl.col("source_n") + PRIOR)
    of_item = (pl.col("item_hits") + PRIOR * of_source) / (pl.col("item_n") + PRIOR)
    return less.select(of_item.alias("predicted")).to_series()


def _mean(values: Floats, customers: Ints) -> Interval:
    """The mean over lists, with the interval that lists of one customer allow."""
    mean = float(values.mean())
    sums = np.bincount(customers, values - mean)
    if sums.size < 2:
        return Interval(mean, -math.inf, math.inf)
    error = math.sqrt(sums.size / (sums.size - 1) * float(sums @ sums)) / values.size
    wide = float(stdtrit(sums.size - 1, 1 - ALPHA / 2)) * error
    return Interval(mean, mean - wide, mean + wide)
