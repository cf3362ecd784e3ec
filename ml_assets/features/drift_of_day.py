"""Which frames of the lake are compared to measure the drift of a day.

The choice of days belongs here; measures are in `drift.py`.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from ml_assets.features.drift import (
    Measure,
    hit_rate,
    measure_features,
    measure_hit_rate,
    measure_scores,
    measure_unseen,
)
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings


def measure_day(lake: Lake, settings: Settings, day: date, usual_hit_rates: Sequence[float]) -> list[Measure]:
    """Everything that can be measured of a day with what the lake holds; what lacks a reference is left out."""
    rules = settings.drift
    found = []
    for asset, measure in (("customer_features", measure_features), ("recommendations", measure_scores)):
        before = [day - timedelta(days=ago) for ago in rules.reference_days]
        names = [str(past) for past in before if lake.exists(asset, past)]
        if lake.exists(asset, day) and names:
            found += measure(lake.read(asset, day), lake.scan(asset, names).collect(), rules)
    found += _unseen(lake, settings, day)
    return found + _hit_rate(lake, settings, day, usual_hit_rates)


def _unseen(lake: Lake, settings: Settings, day: date) -> list[Measure]:
    first = day - timedelta(days=settings.lookback_days)
    before = lake.days_between("transactions", first, day - timedelta(days=1))
    # With less than four weeks of history almost everybody is new.
    if not lake.exists("transactions", day) or len(before) < 28:
        return []
    seen = lake.scan("transactions", before)
    customers, items = (seen.select(pl.col(name).unique()).collect()[name] for name in ("customer_id", "item_id"))
    return measure_unseen(lake.read("transactions", day), customers, items, settings.drift)


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
