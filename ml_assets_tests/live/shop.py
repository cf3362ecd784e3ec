"""A small shop whose lists of a day are known, with its lake, its releases and the days that were loaded."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ml_assets.database.connection import ServingConnection
from ml_assets.lake import Lake
from ml_assets.models.matrices.sparse_scores import Lists
from ml_assets.models.placements import PLACEMENTS
from ml_assets.models.selection.window import K, Window
from ml_assets.releases.publish import Publication, publish
from ml_assets.settings.shop import Settings
from ml_assets_tests.models.purchase_frames import END, catalogue, made_shop
from ml_assets_tests.models.studies import quick_settings
from ml_assets_tests.releases.frames import UNJUDGED

HORIZON = 7
DAY = END - timedelta(days=HORIZON - 1)
"""The first day of the newest horizon that is whole."""
VERSION = "recommender-1"


@dataclass(frozen=True)
class JudgedShop:
    """The shop, and what the backtest's own judge says of the lists that it published."""

    lake: Lake
    settings: Settings
    window: Window
    lists: dict[str, Lists]


def load_shop(connection: ServingConnection, lake: Lake, lines: pl.DataFrame) -> None:
    """The catalogue and the lines of `purchase_frames.made_shop`, loaded day by day long ago."""
    lake.write("items", catalogue())
    days = [END - timedelta(days=number) for number in range(120)]
    for day in days:
        lake.write("transactions", lines.filter(pl.col("day") == day), day)
    load = "INSERT INTO ml_meta.source_days (day, row_count, fingerprint, loaded_at) VALUES (%s, 1, 'x', '2020-01-01')"
    with connection.cursor() as cursor:
        cursor.executemany(load, [(day,) for day in days])


def judged_shop(connection: ServingConnection, home: Path, *, day: date = DAY) -> JudgedShop:
    """Lists drawn at random, as of the day before `day`, published and live since then."""
    settings = quick_settings().model_copy(update={"home": home / ".ml_assets"})
    lines, lake = made_shop(customers=150), Lake.of(settings)
    load_shop(connection, lake, lines)
    window = Window.of(lines.lazy(), catalogue(), cutoff=day, horizons=[HORIZON], settings=settings)
    rng = np.random.default_rng(1)
    lists = {name: _drawn(window, rng) for name in PLACEMENTS}
    frames = [_frame(window, name, found) for name, found in lists.items()]
    publish_lists(connection, pl.concat(frames), day - timedelta(days=1))
    popular = window.snapshot.purchases.items.gather(window.snapshot.popular()).to_list()
    best = pl.DataFrame({"scope": ["all"], "item_ids": [popular], "scores": [[0.0] * len(popular)]})
    publish_lists(connection, best, day - timedelta(days=1), "popular_items")
    return JudgedShop(lake, settings, window, lists)


def publish_lists(
    connection: ServingConnection, frame: pl.DataFrame, day: date, subject: str = "recommendations", **more: Any
) -> int:
    """Publish as of a day; live since the morning after it."""
    facts: dict[str, Any] = {"model_version": VERSION, "run_id": "run", "k": 5, "gates": UNJUDGED} | more
    made = publish(connection, Publication(subject, frame, day=day, **facts))
    since = datetime.combine(day + timedelta(days=1), time(6), UTC)
    query = "UPDATE ml_meta.live_history SET live_from = %s WHERE release_id = %s"
    connection.execute(query, [since, made.release_id])
    return made.release_id


def _drawn(window: Window, rng: np.random.Generator) -> Lists:
    lists = Lists.empty(window.snapshot.customers, K)
    for row in lists.items:
        row[:] = rng.permutation(window.snapshot.items)[:K]
    return lists


def _frame(window: Window, placement: str, lists: Lists) -> pl.DataFrame:
    items = window.snapshot.purchases.items
    ids = [items.gather(row).to_list() for row in lists.items]
    return pl.DataFrame(
        {
            "customer_id": window.snapshot.purchases.customers,
            "placement": placement,
            "item_ids": ids,
            "scores": [[float(K - place) for place in range(K)]] * len(ids),
            "sources": [["personal"] * K] * len(ids),
            "reason_codes": [["bought_often"] * K] * len(ids),
            "reason_items": [[[]] * K] * len(ids),
        },
        schema_overrides={"reason_items": pl.List(pl.List(pl.Int64))},
    )
