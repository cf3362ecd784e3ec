"""The built-in data for benchmarks: purchases of Complete Journey before a day, with its own dates."""

from datetime import date, timedelta

import polars as pl

from ml_assets.events.load import load_days
from ml_assets.features.interactions import build_interactions
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import CompleteJourneySource
from ml_assets.sources.build import build_source

SETTINGS = Settings(source=CompleteJourneySource(replay=False))


def events_until(last: date) -> pl.DataFrame:
    """All lines from the first day of the data to `last`, through the event contract."""
    source = build_source(SETTINGS)
    first = source.first_day()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return pl.concat(lines.valid for lines in load_days(source, days, SETTINGS.events).values())


def catalogue() -> pl.DataFrame:
    """The items of the data."""
    return build_source(SETTINGS).read_items()


def purchases_until(as_of: date) -> Purchases:
    """Everything bought from the first day of the data to `as_of`."""
    interactions = build_interactions(
        events_until(as_of).lazy(),
        as_of=as_of,
        lookback_days=SETTINGS.lookback_days,
        weights=SETTINGS.events.weights,
    )
    return Purchases.of(interactions.collect(), as_of)
