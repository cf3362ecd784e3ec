"""Judging the lists of a day: measured, held beside the backtest of their model, written down."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from ml_assets.books.live_quality import record_live_quality
from ml_assets.books.models import RegisteredModel, list_models
from ml_assets.database.connection import ServingConnection
from ml_assets.lake import Lake
from ml_assets.live.bought import Bought, bought_in
from ml_assets.live.measure import Measured, measure
from ml_assets.live.promise import promised, share_interval
from ml_assets.live.releases import LiveLists, live_lists, newest_loaded
from ml_assets.settings.shop import Settings


def horizon_of(settings: Settings) -> int:
    """Days after which lists are judged: the shortest horizon of the backtest."""
    return min(settings.recommender.evaluation_days)


def judge_days(connection: ServingConnection, lake: Lake, settings: Settings, day: date) -> list[date]:
    """Judge the lists whose horizon ends on a day, and all that are due by now; which days that were.

    A day whose lists are not kept any more stays as it was judged.
    """
    horizon, loaded = horizon_of(settings), newest_loaded(connection)
    last = max(day, loaded or day)
    asked = day - timedelta(days=horizon - 1)
    wanted = [one for one in live_lists(connection, last, horizon) if one.is_kept and (one.is_due or one.day == asked)]
    models = list_models(connection, "recommender") if wanted else []
    for one in wanted:
        bought = bought_in(lake, settings, one.day, horizon)
        known = {(model.placement, model.version): model for model in models if model.trained_through <= one.data_as_of}
        measured = measure(connection, one, bought)
        rows = [_row(one, found, bought, horizon, known) for found in measured]
        places = [{"placement": found.placement, **asdict(place)} for found in measured for place in found.places]
        record_live_quality(connection, one.day, rows, places)
    return [one.day for one in wanted]


def lost_days(connection: ServingConnection, settings: Settings, day: date) -> list[date]:
    """The days that are due and cannot be judged, because their lists are not kept any more."""
    horizon = horizon_of(settings)
    return [one.day for one in live_lists(connection, day, horizon) if one.is_due and one.was_live and not one.is_kept]


def version_of(placement: str, versions: str) -> str:
    """The version of one list in the text of a release, where lists of several models name each its own."""
    named = dict(part.partition(": ")[::2] for part in versions.split(", ") if ": " in part)
    return named.get(placement, versions)


def _row(
    lists: LiveLists, found: Measured, bought: Bought, horizon: int, models: Mapping[tuple[str, str], RegisteredModel]
) -> dict[str, Any]:
    version = version_of(found.placement, lists.model_version)
    model = models.get((found.placement, version))
    promise = promised(model.metrics, found.placement, horizon) if model else None
    low, high = share_interval(found.hits, found.customers) if found.customers else (None, None)
    return {
        "placement": found.placement,
        "release_id": lists.release_id,
        "model_version": version,
        "method": model.method if model else "",
        "data_as_of": lists.data_as_of,
        "was_live": lists.was_live,
        "horizon": horizon,
        "customers": found.customers,
        "listed": found.listed,
        "hit_rate": found.hits / found.customers if found.customers else None,
        "hit_rate_low": low,
        "hit_rate_high": high,
        "recall": found.recall,
        "ndcg": found.ndcg,
        "coverage": found.items_shown / bought.sellable if bought.sellable else None,
        "items_shown": found.items_shown,
        "novelty": found.novelty,
        "promised_hit_rate": promise.hit_rate if promise else None,
        "promised_low": promise.low if promise else None,
        "promised_high": promise.high if promise else None,
        "least_hit_rate": promise.least(found.customers) if promise else None,
    }
