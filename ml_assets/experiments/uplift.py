"""Who buys more because of what an arm was given, not who buys anyway: for campaigns that are not sent to everybody.

From an experiment, whose arms are drawn, so the difference of two customers who were alike before it is the effect.
Only arithmetic belongs here; which experiment and what was known of its customers is read in `uplift_report.py`.

- T- and X-learner: Kuenzel, Sekhon, Bickel and Yu, "Metalearners for estimating heterogeneous treatment effects using
  machine learning", PNAS 2019; their regressions are boosted trees (scikit-learn).
- Doubly robust scores, whose mean over any customers is their effect: Robins, Rotnitzky and Zhao, "Estimation of
  Regression Coefficients When Some Regressors Are Not Always Observed", JASA 1994. The share of the arm is known.
- Every customer is judged by models that learnt from customers before, in an order drawn by chance. Folds that learn
  from each other would find differences that are none in a tenth of the experiments, where a fortieth is promised:
  Wager, "Sequential Validation of Treatment Heterogeneity", 2024.
- Qini curve: Radcliffe, "Using control groups to target on predicted lift", Direct Marketing Analytics Journal 2007;
  its coefficient with an interval: Yadlowsky et al., "Evaluating Treatment Prioritization Rules via Rank-Weighted
  Average Treatment Effects", JASA 2025.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from ml_assets.experiments.statistics import Floats, Interval, corrected, winsorised

FOLDS = 5
FIFTHS = 5
ALPHA = 0.05
LEAST_IN_AN_ARM = 200
"""Customers without whom nothing is learnt: a fifth of them is what a fold has."""
T_LEARNER, X_LEARNER = "t_learner", "x_learner"
LEARNERS = (X_LEARNER, T_LEARNER)


@dataclass(frozen=True)
class Trial:
    """Customers who were drawn to be given something, or not."""

    measures: Floats
    """Customers x what was known of them before; not a number where it was not."""
    treated: npt.NDArray[np.bool_]
    values: Floats
    """What they bought since."""
    share: float
    """Of the customers who were drawn to be treated."""

    def of(self, chosen: npt.NDArray[np.bool_]) -> "Trial":
        """Some of the customers."""
        return Trial(self.measures[chosen], self.treated[chosen], self.values[chosen], self.share)

    def capped(self) -> "Trial":
        """With values above the 99.9 % quantile set to it."""
        (values,) = winsorised([self.values])
        return replace(self, values=values)


@dataclass(frozen=True)
class Effect:
    """What the arm did to some of the customers."""

    name: str
    customers: int
    effect: Interval
    """Per customer."""
    corrected_p: float
    """Over all that stand beside it (Holm)."""


@dataclass(frozen=True)
class Learnt:
    """Which customers an arm makes buy more, as far as it is shown."""

    learner: str
    """The one whose predictions were nearer to what was measured."""
    judged: int
    """Customers of whom something was predicted: all but the first fold, from which the first models learn."""
    average: Interval
    """The effect on all of those, per customer."""
    qini: Interval
    """What choosing by the prediction brings beside choosing at random, per customer, over all shares to be chosen."""
    curve: list[tuple[float, Interval]]
    """Share that is chosen, best first, and what that brings, per customer of all."""
    fifths: list[Effect]
    """By the prediction, highest first."""
    scores: Floats
    """The doubly robust score of each customer: noisy alone, in the mean the effect. Not a number in the first fold."""

    @property
    def is_shown(self) -> bool:
        """Whether customers differ for sure in what it does to them, in the order of the prediction."""
        return self.qini.low > 0


def learn(trial: Trial, seed: int) -> Learnt:
    """Which customers buy more because they were treated.

    Values above the 99.9 % quantile are set to it. Raises ValueError for fewer than `LEAST_IN_AN_ARM` customers in an
    arm.
    """
    if min(int(trial.treated.sum()), int((~trial.treated).sum())) < LEAST_IN_AN_ARM:
        raise ValueError(f"Fewer than {LEAST_IN_AN_ARM} customers in an arm.")
    trial = trial.capped()
    folds = _folds(trial.treated, seed)
    scores, places = np.full(folds.size, np.nan), np.full(folds.size, np.nan)
    losses = dict.fromkeys(LEARNERS, 0.0)
    for fold in range(1, FOLDS):
        here, models = folds == fold, _Models.fit(trial.of(folds < fold), seed)
        judged = trial.of(here)
        scores[here] = models.scores(judged)
        predicted = {name: models.effects(name, judged.measures) for name in LEARNERS}
        # By what was known before this fold.
        places[here] = _places(predicted[_nearest(losses)])
        for name in LEARNERS:
            # The scores are unbiased whichever prediction is held against them.
            losses[name] += float(np.mean((scores[here] - predicted[name]) ** 2))
    score, place = scores[folds > 0], places[folds > 0]
    return Learnt(
        _nearest(losses),
        score.size,
        _mean(score),
        _mean((score - score.mean()) * (0.5 - place)),
        [(tenth / 10, _mean(score * (place < tenth / 10))) for tenth in range(1, 11)],
        effects_of(score, [(f"fifth {number + 1}", np.floor(place * FIFTHS) == number) for number in range(FIFTHS)]),
        scores,
    )


def predictor(trial: Trial, learner: str, seed: int) -> Callable[[Floats], Floats]:
    """What predicts the effect on any customer from the measures, learnt from all customers of a trial."""
    return partial(_Models.fit(trial.capped(), seed).effects, learner)


def effects_of(scores: Floats, groups: Sequence[tuple[str, npt.NDArray[np.bool_]]]) -> list[Effect]:
    """The effect on the customers of each group, with p-values corrected over all; groups below two are left out."""
    found = [(name, int(inside.sum()), _mean(scores[inside])) for name, inside in groups if inside.sum() > 1]
    p_values = corrected([_p_value(effect) for _, _, effect in found])
    return [Effect(name, count, effect, p) for (name, count, effect), p in zip(found, p_values, strict=True)]


@dataclass(frozen=True)
class _Models:
    """What is bought with and without the treatment, and the X-learner's effects in each arm."""

    without: Any
    given: Any
    effect_without: Any
    effect_given: Any
    share: float

    @classmethod
    def fit(cls, trial: Trial, seed: int) -> "_Models":
        one, other = trial.of(trial.treated), trial.of(~trial.treated)
        given, without = _fit(one.measures, one.values, seed), _fit(other.measures, other.values, seed)
        return cls(
            without,
            given,
            _fit(other.measures, given.predict(other.measures) - other.values, seed),
            _fit(one.measures, one.values - without.predict(one.measures), seed),
            trial.share,
        )

    def effects(self, learner: str, measures: Floats) -> Floats:
        if learner == T_LEARNER:
            return np.asarray(self.given.predict(measures) - self.without.predict(measures), np.float64)
        shares = (self.share, 1 - self.share)
        parts = (self.effect_without.predict(measures), self.effect_given.predict(measures))
        return np.asarray(shares[0] * parts[0] + shares[1] * parts[1], np.float64)

    def scores(self, trial: Trial) -> Floats:
        base, given = self.without.predict(trial.measures), self.given.predict(trial.measures)
        rest = np.where(trial.treated, (trial.values - given) / self.share, (base - trial.values) / (1 - self.share))
        return np.asarray(given - base + rest, np.float64)


def _fit(measures: Floats, values: Floats, seed: int) -> HistGradientBoostingRegressor:
    """Few and small trees: effects are small beside what customers differ by."""
    model = HistGradientBoostingRegressor(
        max_iter=60,
        learning_rate=0.08,
        max_leaf_nodes=6,
        min_samples_leaf=max(20, values.size // 50),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    # Several threads wait for each other longer than such small fits take, on a busy machine by far.
    with threadpool_limits(1, user_api="openmp"):
        return model.fit(measures, values)


def _folds(treated: npt.NDArray[np.bool_], seed: int) -> npt.NDArray[np.int64]:
    """A fold for each customer, as many of each arm in all of them."""
    rng, folds = np.random.default_rng(seed), np.empty(treated.size, np.int64)
    for arm in (treated, ~treated):
        folds[arm] = rng.permutation(int(arm.sum())) % FOLDS
    return folds


def _nearest(losses: Mapping[str, float]) -> str:
    return min(losses, key=lambda name: losses[name])


def _places(predicted: Floats) -> Floats:
    """The place of each among the others of a fold, from above 0, the highest, to below 1: folds have own models."""
    places = np.empty(predicted.size)
    places[np.argsort(-predicted, kind="stable")] = (np.arange(predicted.size) + 0.5) / predicted.size
    return places


def _mean(values: Floats) -> Interval:
    error, mean = float(values.std(ddof=1)) / values.size**0.5, float(values.mean())
    z = float(ndtri(1 - ALPHA / 2))
    return Interval(mean, mean - z * error, mean + z * error)


def _p_value(mean: Interval) -> float:
    """Two-sided, of the mean being none."""
    error = (mean.high - mean.low) / 2 / float(ndtri(1 - ALPHA / 2))
    return 2 * float(ndtr(-abs(mean.estimate) / error)) if error else 1.0
