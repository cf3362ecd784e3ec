"""The built-in data for benchmarks: purchases of Complete Journey before a day, with its own dates."""

from datetime import date, timedelta

import polars as pl

from ml_assets.events.load import load_days
from ml_assets.features.interactions import build_interactions
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import CompleteJourneySource
from ml_assets.sources.build import build_source


def purchases_until(as_of: date) -> Purchases:
    """Everything bought from the first day of the data to `as_of`, through the event contract."""
    settings = Settings(source=CompleteJourneySource(replay=False))
    source = build_source(settings)
    first = source.first_day()
    days = [first + timedelta(days=number) for number in range((as_of - first).days + 1)]
    events = pl.concat(lines.valid for lines in load_days(source, days, settings.events).values())
    interactions = build_interactions(
        events.lazy(), as_of=as_of, lookback_days=settings.lookback_days, weights=settings.events.weights
    )
    return Purchases.of(interactions.collect(), as_of)
