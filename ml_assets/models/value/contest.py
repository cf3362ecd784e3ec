"""The contest: which method says best what customers spend, on 90 days that none of them has seen.

Every method is fitted and calibrated on one window and judged on the next; the rule that chooses belongs here, the
methods do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ml_assets.errors import UserError
from ml_assets.models.value.boosted import Boosted
from ml_assets.models.value.calibration import ORDER_GROUPS, SPEND_GROUPS, Calibration
from ml_assets.models.value.method import Naive, Scores, ValueMethod
from ml_assets.models.value.purchases import BgNbdGammaGamma
from ml_assets.models.value.window import LEARNED_FACTOR, Vector, Window, spend_cap

METHODS: Mapping[str, type[ValueMethod]] = {one.name: one for one in (Naive, BgNbdGammaGamma, Boosted)}
"""All that compete, the simplest first."""
TIE = 0.02
"""The live method, or else a simpler one, wins while its error is at most so much above the smallest, as a share."""
CRITERION = (
    "fitted and calibrated on the customers of 180 days ago and what they did in the 90 days after, judged on those of "
    "90 days ago and what they did since; spend by the smallest mean absolute error, the probability of an order by "
    f"the smallest Brier score; within {TIE:.0%} of the best the live method stays, and else the simplest is taken; "
    "the winners are fitted and calibrated again on the newer window"
)
DECILES = 10


@dataclass(frozen=True)
class Calibrated:
    """A fitted method, with the calibration of both scores; none where nothing could be learned."""

    method: ValueMethod
    spend: Calibration | None = None
    ordered: Calibration | None = None

    def scores(self, known: pl.DataFrame, cap: float) -> Scores:
        """What is to be expected of customers; spend from 0 to `cap`, probabilities from 0 to 1."""
        raw = self.method.scores(known)
        spend, ordered = np.minimum(raw.spend, cap), raw.ordered
        spend = self.spend.apply(spend) if self.spend else spend
        ordered = self.ordered.apply(ordered) if self.ordered else ordered
        return Scores(np.clip(spend, 0.0, cap), np.clip(ordered, 0.0, 1.0))


@dataclass(frozen=True)
class Judged:
    """How far a method was from what customers did."""

    mae: float
    """Mean absolute error of the spend, in the shop's currency."""
    spearman: float
    """Rank correlation of expected and actual spend, -1 to 1; 0 where either is the same for all."""
    brier: float
    """Mean squared error of the probability of an order, 0 to 1."""
    total: float
    """Sum of expected spend / sum of actual spend; 0 where nobody spent."""
    deciles: tuple[tuple[float, float], ...]
    """(mean expected, mean actual) spend of each tenth of the customers, lowest expectation first."""


@dataclass(frozen=True)
class Winners:
    """Names of methods."""

    spend: str
    """Whose spend is used."""
    ordered: str
    """Whose probability of an order is used."""


@dataclass(frozen=True)
class Contest:
    """What came out of it."""

    judged: Mapping[str, Judged]
    """By method, the simplest first."""
    yardstick: Judged
    """The naive rule as it is, without calibration: what everybody would say without a model."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Why methods took no part."""

    def winners(self, live: Winners | None = None) -> Winners:
        """The methods that are used; those that are `live` stay while they are nearly as good as the best."""
        return Winners(
            _winner({name: one.mae for name, one in self.judged.items()}, live.spend if live else ""),
            _winner({name: one.brier for name, one in self.judged.items()}, live.ordered if live else ""),
        )


def hold(fitting: Window, judging: Window, cap: float, *, seed: int) -> Contest:
    """Let all methods compete; one that cannot be fitted, or gives no numbers, takes no part.

    `cap` is the most that is expected of one customer, and that one is judged by.
    """
    judging = judging.capped(cap)
    judged, left_out = {}, {}
    for name in METHODS:
        try:
            judged[name] = judge(fitted(name, fitting, seed=seed).scores(judging.known, cap), judging)
        except UserError as error:
            left_out[name] = error.problem
    return Contest(judged, judge(Calibrated(Naive()).scores(judging.known, cap), judging), left_out)


def fitted(name: str, window: Window, *, seed: int) -> Calibrated:
    """A method, fitted and calibrated on a window; raises `UserError` where it cannot be."""
    cap = spend_cap(window.spend, LEARNED_FACTOR)
    window = window.capped(cap)
    method = Boosted(seed) if name == Boosted.name else METHODS[name]()
    honest = method.fit(window).honest_scores(window)
    if not (np.isfinite(honest.spend).all() and np.isfinite(honest.ordered).all()):
        raise UserError(f"{name} gives no numbers for some customers.", "Another method is used instead.")
    return Calibrated(
        method,
        Calibration.fit(np.minimum(honest.spend, cap), window.spend, SPEND_GROUPS),
        Calibration.fit(honest.ordered, window.ordered, ORDER_GROUPS),
    )


def judge(scores: Scores, window: Window) -> Judged:
    """Compare scores with what the customers of a window did."""
    actual = float(window.spend.sum())
    order = np.argsort(scores.spend, kind="stable")
    tenths = [rows for rows in np.array_split(order, DECILES) if rows.size]
    return Judged(
        mae=float(np.abs(scores.spend - window.spend).mean()),
        spearman=_spearman(scores.spend, window.spend),
        brier=float(((scores.ordered - window.ordered) ** 2).mean()),
        total=float(scores.spend.sum()) / actual if actual else 0.0,
        deciles=tuple((float(scores.spend[rows].mean()), float(window.spend[rows].mean())) for rows in tenths),
    )


def _winner(errors: Mapping[str, float], live: str) -> str:
    """The live one or else the first, and so the simplest, whose error is near the smallest."""
    most = (1 + TIE) * min(errors.values())
    near = [name for name, error in errors.items() if error <= most]
    return live if live in near else near[0]


def _spearman(first: Vector, second: Vector) -> float:
    from scipy.stats import rankdata  # noqa: PLC0415 slow to import, and scoring needs none of it

    ranks = rankdata(first), rankdata(second)
    if ranks[0].std() == 0 or ranks[1].std() == 0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])
