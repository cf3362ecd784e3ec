"""Which frames of the lake are compared to measure the drift of a day.

The choice of days belongs here; measures are in `measures.py`.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from ml_assets.drift.measures import (
    FEATURES,
    Measure,
    hit_rate,
    measure_features,
    measure_hit_rate,
    measure_scores,
    measure_unseen,
    unseen_shares,
)
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings

# With less history almost everybody is new.
FEWEST_DAYS = 28


def measure_day(lake: Lake, settings: Settings, day: date, usual_hit_rates: Sequence[float]) -> list[Measure]:
    """Everything that can be measured of a day with what the lake holds; what lacks a reference is left out."""
    rules = settings.drift
    found = []
    days = _references(lake, settings, "customer_features", day)
    if lake.exists("customer_features", day) and days:
        today, reference = lake.read("customer_features", day), lake.scan("customer_features", days).collect()
        found += measure_features(today, reference, rules, without=too_young(lake, settings, day))
    days = _references(lake, settings, "recommendations", day)
    if lake.exists("recommendations", day) and days:
        found += measure_scores(lake.read("recommendations", day), lake.scan("recommendations", days).collect(), rules)
    found += _unseen(lake, settings, day)
    return found + _hit_rate(lake, settings, day, usual_hit_rates)


def too_young(lake: Lake, settings: Settings, day: date) -> dict[str, str]:
    """Features that are not compared because their windows reach back before the history, and why."""
    references = _references(lake, settings, "customer_features", day)
    loaded = lake.partitions("transactions")
    if not references or not loaded:
        return {}
    oldest = min(references)
    history = (date.fromisoformat(oldest) - date.fromisoformat(loaded[0])).days + 1
    return {
        name: f"needs {needed} days of history; {oldest}, the oldest day compared with, has {history}"
        for name, needed in ((name, min(days, settings.lookback_days)) for name, days in FEATURES.items())
        if history < needed
    }


def _references(lake: Lake, settings: Settings, asset: str, day: date) -> list[str]:
    before = [day - timedelta(days=ago) for ago in settings.drift.reference_days]
    return [str(past) for past in before if lake.exists(asset, past)]


def _unseen(lake: Lake, settings: Settings, day: date) -> list[Measure]:
    first = day - timedelta(days=settings.lookback_days)
    before = lake.days_between("transactions", first, day - timedelta(days=1))
    if not lake.exists("transactions", day) or len(before) < FEWEST_DAYS:
        return []
    events = lake.scan("transactions", [*before, str(day)]).select("day", "customer_id", "item_id")
    usual = [
        date.fromisoformat(past)
        for past in _references(lake, settings, "transactions", day)
        if sum(known < past for known in before) >= FEWEST_DAYS
    ]
    share, *references = unseen_shares(events, [day, *usual])
    return measure_unseen(share, references, settings.drift)


def _hit_rate(lake: Lake, settings: Settings, day: date, usual: Sequence[float]) -> list[Measure]:
    days = settings.drift.hit_rate_days
    shown = day - timedelta(days=days)
    after = lake.days_between("transactions", shown + timedelta(days=1), day)
    if not lake.exists("recommendations", shown) or not after:
        return []
    lists = lake.read("recommendations", shown).filter(pl.col("placement") == "for_you")
    bought = lake.scan("transactions", after).filter(~pl.col("is_return")).select("customer_id", "item_id").collect()
    rate = hit_rate(lists, bought, k=settings.recommender.k)
    return [] if rate is None else [measure_hit_rate(rate, usual, settings.drift, day=shown)]
