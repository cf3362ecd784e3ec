"""Training customer value: let the methods compete on the past, then fit the winners on the newest 90 days."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import date

import polars as pl
from pydantic import JsonValue

from ml_assets.errors import UserError
from ml_assets.features.customers import in_pieces
from ml_assets.models.cards import ModelCard, fingerprint, library_versions, model_version
from ml_assets.models.value.contest import CRITERION, TIE, Calibrated, Contest, Winners, fitted, hold
from ml_assets.models.value.method import Naive
from ml_assets.models.value.model import NAME, CustomerValueModel
from ml_assets.models.value.window import CAP_FACTOR, HORIZON_DAYS, READ, Window, numbers, spend_cap, window_between

MIN_CUSTOMERS = 100
"""With fewer, the errors of the methods differ by chance."""
MOST_CUSTOMERS = 50_000
"""Of more, a sample is fitted and judged; the figures differ in the third decimal."""
LIBRARIES = ("lightgbm", "numpy", "polars", "scikit-learn", "scipy")


@dataclass(frozen=True)
class Past:
    """Customer features as of 180 and of 90 days before training."""

    half_year_ago: pl.DataFrame
    quarter_ago: pl.DataFrame


def train_value(
    features: pl.DataFrame, past: Past | str, *, trained_through: date, seed: int, live: Winners | None = None
) -> CustomerValueModel:
    """Learn what customers are worth from their features as of `trained_through` and from their past.

    The methods compete by `contest.CRITERION`; those that are `live` stay while they are nearly as good as the best.
    Where `past` is the reason why there is none, or it says too little, the next 90 days are taken to be as the last,
    and the card says why. Deterministic for the seed, and independent of the order of the rows. Raises `UserError`
    without customers.
    """
    started = time.perf_counter()
    if features.is_empty():
        raise UserError(
            f"There are no customers to value up to {trained_through}.", "Load transactions of an earlier day first."
        )
    found = _learn(features, past, seed, live)
    data = _fingerprint(features, past)
    parameters = _parameters(found) | ({"spend_counts": "pieces"} if in_pieces(features) else {})
    card = ModelCard(
        name=NAME,
        version=model_version(NAME, trained_through, data, parameters, seed),
        trained_through=trained_through,
        data_fingerprint=data,
        parameters=parameters,
        metrics=_metrics(found),
        rows=features.height,
        customers=features.height,
        items=0,
        duration_seconds=round(time.perf_counter() - started, 3),
        seed=seed,
        libraries=library_versions(LIBRARIES),
    )
    return CustomerValueModel(card, found.spend, found.ordered, found.cap)


@dataclass(frozen=True)
class _Learned:
    spend: Calibrated
    ordered: Calibrated
    cap: float
    contest: Contest | None = None
    winners: Winners | None = None
    reason: str = ""
    """Why there was no contest."""


def _learn(features: pl.DataFrame, past: Past | str, seed: int, live: Winners | None) -> _Learned:
    if isinstance(past, str):
        return _continued(features, past)
    fitting = window_between(past.half_year_ago, past.quarter_ago).sampled(MOST_CUSTOMERS, seed)
    judging = window_between(past.quarter_ago, features).sampled(MOST_CUSTOMERS, seed)
    if reason := _why_no_contest(fitting, judging):
        return _continued(features, reason)
    contest = hold(fitting, judging, spend_cap(fitting.spend), seed=seed)
    winners = contest.winners(live)
    models = {name: _fitted_again(name, judging, seed) for name in sorted({winners.spend, winners.ordered})}
    cap = spend_cap(judging.spend)
    return _Learned(models[winners.spend], models[winners.ordered], cap, contest, winners)


def _continued(features: pl.DataFrame, reason: str) -> _Learned:
    """The next 90 days as the last."""
    naive = Calibrated(Naive())
    return _Learned(naive, naive, spend_cap(numbers(features, "spend_90d")), reason=reason)


def _fitted_again(name: str, window: Window, seed: int) -> Calibrated:
    """The winner on the newer window; the naive rule where that window alone cannot be fitted."""
    try:
        return fitted(name, window, seed=seed)
    except UserError:
        return fitted(Naive.name, window, seed=seed)


def _why_no_contest(fitting: Window, judging: Window) -> str:
    """Why the past says too little; empty where it says enough."""
    fewest = min(fitting.customers, judging.customers)
    if fewest < MIN_CUSTOMERS:
        return f"{fewest} customers were known 90 and 180 days ago, and at least {MIN_CUSTOMERS} are needed to compare."
    if not fitting.spend.any() or not judging.spend.any():
        return "Nobody spent anything in one of the two windows of 90 days."
    return ""


def _fingerprint(features: pl.DataFrame, past: Past | str) -> str:
    frames = [features] if isinstance(past, str) else [past.half_year_ago, past.quarter_ago, features]
    parts = "".join(fingerprint(frame.select("customer_id", *READ)) for frame in frames)
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _parameters(found: _Learned) -> dict[str, JsonValue]:
    return {
        "horizon_days": HORIZON_DAYS,
        "spend_method": found.spend.method.name,
        "alive_method": found.ordered.method.name,
        "learned": {one.method.name: one.method.facts for one in (found.spend, found.ordered)},
        "why_no_contest": found.reason or None,
        "left_out": dict(found.contest.left_out) if found.contest else {},
        "criterion": CRITERION,
        "tie": TIE,
        "calibration": "isotonic, over groups of customers" if found.contest else "none",
        "cap": found.cap if found.cap < float("inf") else None,
        "cap_factor": CAP_FACTOR,
    }


def _metrics(found: _Learned) -> dict[str, float]:
    """The figures of every method that was judged under `<method>_`, those of the winners without it.

    `last_90d_` are those of the last 90 days themselves, as everybody would take them without a model.
    """
    contest, winners = found.contest, found.winners
    if contest is None or winners is None:
        return {}
    best = contest.judged[winners.spend]
    metrics = {"mae": best.mae, "spearman": best.spearman, "total": best.total}
    metrics["brier"] = contest.judged[winners.ordered].brier
    for name, one in {**contest.judged, "last_90d": contest.yardstick}.items():
        figures = {"mae": one.mae, "spearman": one.spearman, "brier": one.brier, "total": one.total}
        for number, (expected, actual) in enumerate(one.deciles, start=1):
            figures |= {f"decile{number}_expected": expected, f"decile{number}_actual": actual}
        metrics |= {f"{name}_{figure}": value for figure, value in figures.items()}
    return {name: round(value, 6) for name, value in metrics.items()}
