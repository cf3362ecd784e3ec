"""Lists that are made anew for some customers of a small live release."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from ml_assets.database.connection import ServingConnection
from ml_assets.releases.rescore import Rescored, Rescoring, show_rescored
from ml_assets_tests.releases.frames import MONDAY, UNJUDGED, recommendations

Shown = dict[tuple[Any, str], list[Any]]


def rescore(
    connection: ServingConnection,
    release_id: int,
    customers: Sequence[Any] = (1,),
    items: Sequence[Any] = (14, 13, 12, 11),
    **more: Any,
) -> Rescoring:
    """Show other lists of some customers, who have bought something; `more` are fields of `Rescored`."""
    lists = recommendations(customers, items)
    ids = lists["customer_id"].unique().sort()
    facts: dict[str, Any] = {
        "release_id": release_id,
        "customers": ids,
        "lists": lists,
        "known": pl.DataFrame({"customer_id": ids, "known": range(len(ids))}),
        "began_at": datetime(2026, 1, 6, 12, tzinfo=UTC),
        "events_from": MONDAY + timedelta(days=1),
        "events_until": datetime(2026, 1, 6, 11, tzinfo=UTC),
        "events": len(ids),
        "model_version": "m-1",
        "gates": UNJUDGED,
    }
    return show_rescored(connection, Rescored(**(facts | more)))


def shown(connection: ServingConnection, source: str = "recommendations", values: Sequence[Any] = ()) -> Shown:
    """The items of each list, by customer and placement."""
    query = f"SELECT customer_id, placement, item_id FROM {connection.schemas.ml}.{source} ORDER BY 1, 2, rank"
    found: Shown = {}
    for customer, placement, item in connection.execute(query, values).fetchall():
        found.setdefault((customer, placement), []).append(item)
    return found


def shown_at(connection: ServingConnection, moment: datetime) -> Shown:
    """What the function of time travel gives."""
    return shown(connection, "recommendations_as_of(%s)", [moment])
