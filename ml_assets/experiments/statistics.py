"""Two arms compared: difference and lift of means, with the time before taken out, and intervals that may be peeked at.

Only arithmetic belongs here. Every formula has its source; `test_statistics.py` holds them against a simulation and
against gbstats 0.8.0, which cannot be installed beside our versions (it wants numpy 1 and pandas 1).

- The time before (CUPED): Deng, Xu, Kohavi and Walker, "Improving the Sensitivity of Online Controlled Experiments by
  Utilizing Pre-Experiment Data", WSDM 2013.
- Intervals and p-values at the fixed horizon: Welch, "The Generalization of 'Student's' Problem", Biometrika 1947.
- Lift, a ratio of two independent means: the delta method; Deng, Knoblich and Lu, "Applying the Delta Method in Metric
  Analytics", KDD 2018.
- Always valid: the normal mixture of Robbins, "Statistical Methods Related to the Law of the Iterated Logarithm",
  Annals of Mathematical Statistics 1970, in the form of Howard, Ramdas, McAuliffe and Sekhon, "Time-Uniform,
  Nonparametric, Nonasymptotic Confidence Sequences", Annals of Statistics 2021, equation 14; with an estimated variance
  it holds asymptotically (Waudby-Smith et al., "Time-Uniform Central Limit Theory and Asymptotic Confidence Sequences",
  Annals of Statistics 2024).

The customers of an experiment stay the same while what they buy adds up, so time is not their number but the variance
of the difference. Days of one customer are alike, which makes estimates of two days more alike than those of a Brownian
motion with the same variances; by Slepian's inequality the boundary is then crossed less often, not more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, ndtri, stdtr, stdtrit

Floats = npt.NDArray[np.float64]
HIGHEST = 0.999
"""Values above this quantile of all arms together are set to it."""
SRM_ALPHA = 0.001
"""A split less likely than this blocks a verdict; it is looked at every day, so it is strict."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its bounds."""

    estimate: float
    low: float
    high: float

    def scaled(self, factor: float) -> "Interval":
        """All three times a positive factor."""
        return Interval(self.estimate * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Comparison:
    """An arm beside the control, in one metric."""

    control_mean: float
    arm_mean: float
    """Both as measured, winsorised, before the time before is taken out."""
    difference: Interval
    """Per customer, at the fixed horizon: valid where it is looked at once, at the end."""
    always: Interval
    """The same, valid at every look."""
    lift: Interval
    """The difference as a share of the control's mean, at the fixed horizon; not a number where that is not above 0."""
    p_value: float
    """Two-sided, at the fixed horizon."""
    variance_reduction: float
    """Share of the variance that the time before explained, 0 to 1."""
    variance: float
    """Of the difference."""


def winsorised(arms: Sequence[Floats], quantile: float = HIGHEST) -> list[Floats]:
    """Values above a quantile of all arms together set to that value, which is one that was measured.

    The cap does not look at the arms, so it favours none. One customer who buys for a million counts as the largest of
    the others.
    """
    pooled = np.concatenate(arms) if arms else np.empty(0)
    known = pooled[np.isfinite(pooled)]
    if known.size < 2:
        return [np.asarray(arm, np.float64) for arm in arms]
    cap = float(np.quantile(known, quantile, method="lower"))
    # What is not known stays so.
    return [np.minimum(arm, cap) for arm in arms]


def without_the_past(values: Sequence[Floats], before: Sequence[Floats]) -> tuple[list[Floats], float]:
    """Values of each arm less what their past explains, and the share of the variance that it explained.

    `before` is known from before anybody was drawn, so its expectation is the same in all arms. Unknown (not a number)
    counts as the mean.
    """
    past = np.concatenate(before)
    known = np.isfinite(past)
    if known.sum() < 2:
        return list(values), 0.0
    centre = past[known].mean()
    filled = [np.where(np.isfinite(each), each, centre) - centre for each in before]
    x, y = np.concatenate(filled), np.concatenate(values)
    x, y = x - x.mean(), y - y.mean()
    spread, total = float(x @ x), float(y @ y)
    if spread == 0 or total == 0:
        return list(values), 0.0
    slope = float(x @ y) / spread
    explained = slope * float(x @ y) / total
    return [each - slope * mine for each, mine in zip(values, filled, strict=True)], explained


def compare(
    control: Floats,
    arm: Floats,
    before: tuple[Floats, Floats] | None = None,
    *,
    alpha: float = 0.05,
    expected_variance: float | None = None,
) -> Comparison:
    """An arm beside the control: values per customer, and their past where it is known.

    `expected_variance` is the variance of the difference at which the always valid interval is to be narrowest; it must
    not depend on what was measured. Without it, the present one is taken, which is then not quite always valid.
    """
    mean, other = float(control.mean()), float(arm.mean())
    explained = 0.0
    if before is not None:
        (control, arm), explained = without_the_past([control, arm], before)
    base, variance_of_base = float(control.mean()), float(control.var(ddof=1)) / control.size
    changed, variance_of_changed = float(arm.mean()), float(arm.var(ddof=1)) / arm.size
    difference, variance = changed - base, variance_of_base + variance_of_changed
    parts = variance_of_base**2 / (control.size - 1) + variance_of_changed**2 / (arm.size - 1)
    freedom = variance**2 / parts if parts else math.inf
    error, z = math.sqrt(variance), float(stdtrit(freedom, 1 - alpha / 2)) if parts else 0.0
    wide = always_valid(variance, alpha, variance if expected_variance is None else expected_variance)
    return Comparison(
        mean,
        other,
        Interval(difference, difference - z * error, difference + z * error),
        Interval(difference, difference - wide, difference + wide),
        _lift(base, variance_of_base, changed, variance_of_changed, z),
        2 * float(stdtr(freedom, -abs(difference) / error)) if error else 1.0,
        explained,
        variance,
    )


def always_valid(variance: float, alpha: float, expected_variance: float) -> float:
    """Half the width of an interval that holds the truth at all times at once, with probability 1 - alpha.

    sqrt((v + r) log((v + r) / (r alpha^2))) with v the variance now; r is chosen for the narrowest interval at the
    expected variance (Howard et al. 2021, section 3.5, to its usual approximation).
    """
    if variance <= 0:
        return 0.0
    spread = (expected_variance or variance) / (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1))
    total = variance + spread
    return math.sqrt(total * math.log(total / (spread * alpha**2)))


def _lift(base: float, variance_of_base: float, changed: float, variance_of_changed: float, z: float) -> Interval:
    if base <= 0:
        return Interval(math.nan, math.nan, math.nan)
    variance = variance_of_changed / base**2 + variance_of_base * changed**2 / base**4
    estimate, wide = changed / base - 1, z * math.sqrt(variance)
    return Interval(estimate, estimate - wide, estimate + wide)


def ratio_mismatch(counts: Sequence[int], shares: Sequence[float]) -> float:
    """The probability of a split at least as far from the shares, were customers drawn by them: a chi-square test.

    Fabijan et al., "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments", KDD 2019.
    """
    total = sum(counts)
    if total == 0:
        return 1.0
    expected = [total * share for share in shares]
    statistic = sum((count - each) ** 2 / each for count, each in zip(counts, expected, strict=True))
    return float(chdtrc(len(counts) - 1, statistic))


def corrected(p_values: Sequence[float]) -> list[float]:
    """The p-values of several metrics so that any of them is wrong with the probability of one: Holm 1979."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    found, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        found[place] = highest
    return found


def customers_needed(
    variance: float,
    effect: float,
    shares: tuple[float, float],
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    peeking: bool = False,
) -> int:
    """Customers of both arms together by which an effect per customer is found with a power, looked at once at the end.

    `peeking` is by the always valid interval at that end; who looks every day finds it sooner, mostly.
    """
    return math.ceil(_reach(alpha, power, peeking=peeking) ** 2 * variance * _parts(shares) / effect**2)


def smallest_effect(
    variance: float, customers: int, shares: tuple[float, float], *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The effect per customer that so many customers of both arms together show with a power, looked at once."""
    return _reach(alpha, power, peeking=False) * math.sqrt(variance * _parts(shares) / customers)


def _reach(alpha: float, power: float, *, peeking: bool) -> float:
    """How many standard errors an effect must be."""
    bound = always_valid(1.0, alpha, 1.0) if peeking else float(ndtri(1 - alpha / 2))
    return bound + float(ndtri(power))


def _parts(shares: tuple[float, float]) -> float:
    total = sum(shares)
    return sum(total / share for share in shares)
