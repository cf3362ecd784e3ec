"""Small frames of every subject, and one call that publishes them."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

from ml_assets.database.connection import ServingConnection
from ml_assets.releases.publish import Publication, Release, publish
from ml_assets.releases.retention import drop_retired
from ml_assets.settings.serving import GateSettings

MONDAY = date(2026, 1, 5)
UNJUDGED = GateSettings(judge_from=1_000_000)


def recommendations(customers: Sequence[Any] = (1, 2, 3), items: Sequence[Any] = (11, 12, 13, 14)) -> pl.DataFrame:
    count = len(items)
    alike = pl.DataFrame(
        [
            {
                "placement": placement,
                "item_ids": list(items),
                "scores": [float(count - place) for place in range(count)],
                "sources": ["personal", *["popular"] * (count - 1)],
                "reason_codes": ["because_you_bought", *["popular"] * (count - 1)],
                "reason_items": [[items[-1], items[-2]], *[[]] * (count - 1)],
            }
            for placement in ("for_you", "discover")
        ],
        schema_overrides={"reason_items": pl.List(pl.List(pl.Int64 if isinstance(items[0], int) else pl.String))},
    )
    return pl.DataFrame({"customer_id": list(customers)}).join(alike, how="cross", maintain_order="left_right")


def assignments(keys: Sequence[str] = ("loyal", "dormant", "loyal")) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": range(1, len(keys) + 1), "segment_key": keys})


def segments(keys: Sequence[str] = ("loyal", "dormant")) -> pl.DataFrame:
    medians = ("recency_days", "orders_90d", "spend_90d", "spend_365d", "tenure_days")
    facts = {"customers": 1, "share": 0.5} | {f"median_{name}": 1.5 for name in medians}
    return pl.DataFrame(
        [{"segment_key": key, "segment_name": key.title(), "description": f"About {key}."} | facts for key in keys]
    )


def similar_items() -> pl.DataFrame:
    return pl.DataFrame({"item_id": [11, 12], "item_ids": [[12, 13], [11, 13]], "scores": [[0.9, 0.1], [0.8, 0.2]]})


def popular_items(items: Sequence[int] = (11, 12, 13)) -> pl.DataFrame:
    scores = [float(len(items) - place) for place in range(len(items))]
    return pl.DataFrame({"scope": ["all", "dairy"], "item_ids": [list(items)] * 2, "scores": [scores] * 2})


def arm_recommendations(customers: Sequence[Any] = (1, 2, 3), arm: str = "worth.other") -> pl.DataFrame:
    return recommendations(customers, (14, 13, 12, 11)).with_columns(arm=pl.lit(arm))


SAMPLES: Mapping[str, Callable[[], pl.DataFrame]] = {
    "recommendations": recommendations,
    "segment_assignments": assignments,
    "similar_items": similar_items,
    "popular_items": popular_items,
    "arm_recommendations": arm_recommendations,
}
"""A small frame of each published subject, for tests that run over all of them. Made when asked for: who imports this
module may fork, and a fork must come before the threads of Polars."""


def items() -> pl.DataFrame:
    names = ["Milk", "Bread", None, "Tea"]
    return pl.DataFrame({"item_id": [11, 12, 13, 14], "item_name": names, "category": ["dairy"] * 4})


def release(
    connection: ServingConnection, frame: pl.DataFrame, subject: str = "recommendations", *, day: int = 0, **more: Any
) -> Release:
    """Publish a frame as of a Monday plus some days; by default such frames are too small to judge by shares."""
    facts: dict[str, Any] = {"model_version": "m-1", "run_id": "run", "k": 2, "gates": UNJUDGED} | more
    return publish(connection, Publication(subject, frame, day=MONDAY + timedelta(days=day), **facts))


def drops(connection: ServingConnection, subject: str, count: int, **more: Any) -> bool:
    """Whether so many retired releases are dropped in a while: autovacuum may hold one for a moment."""
    dropped, until = 0, time.monotonic() + 30
    while dropped < count and time.monotonic() < until:
        dropped += drop_retired(connection, subject, **more)
    return dropped == count
