"""Days of segments for tests: published, and read back from history and moves."""

from datetime import date, timedelta
from typing import Any

import polars as pl

from ml_assets.books.models import RegisteredModel, register
from ml_assets.database.connection import ServingConnection
from ml_assets.releases.publish import Release
from ml_assets_tests.releases.frames import MONDAY, release, segments

KEYS = ("champions", "loyal", "dormant")
States = dict[Any, str]


def day(number: int) -> date:
    return MONDAY + timedelta(days=number)


def publish(connection: ServingConnection, number: int, states: States, model: str = "m-1", **more: Any) -> Release:
    frame = pl.DataFrame({"customer_id": list(states), "segment_key": list(states.values())})
    keys = sorted(set(more.pop("keys", KEYS)) | set(states.values()))
    facts: dict[str, Any] = {"day": number, "segments": segments(keys), "model_version": model} | more
    return release(connection, frame, "segment_assignments", **facts)


def trained(connection: ServingConnection, version: str, lineage: dict[str, tuple[str, list[str]]]) -> None:
    """A model in the registry whose card says what became of the segments."""
    parameters = {"segments": {key: {"change": change, "parents": of} for key, (change, of) in lineage.items()}}
    model = RegisteredModel(
        kind="segmentation", version=version, trained_through=MONDAY, artifact="x", checksum="x", decision="promoted",
        reason="x", parameters=parameters, metrics={},
    )  # fmt: skip
    register(connection, model, {"data_fingerprint": "x", "parameters": parameters})


def history(connection: ServingConnection, customer: Any) -> list[tuple[Any, ...]]:
    query = connection.schemas.sql(
        "SELECT segment_key, valid_from - %s::date, valid_to - %s::date, kind FROM {ml}.segment_history "
        "WHERE customer_id = %s ORDER BY valid_from"
    )
    return connection.execute(query, [MONDAY, MONDAY, customer]).fetchall()


def moves(connection: ServingConnection, number: int) -> dict[tuple[str | None, str | None, str], int]:
    query = "SELECT from_segment, to_segment, kind, customers FROM ml.segment_moves WHERE day = %s"
    return {(a, b, kind): count for a, b, kind, count in connection.execute(query, [day(number)]).fetchall()}


def states_on(connection: ServingConnection, when: date) -> States:
    query = (
        "SELECT customer_id, segment_key FROM ml.segment_history "
        "WHERE valid_from <= %(day)s AND (valid_to > %(day)s OR valid_to IS NULL)"
    )
    rows = connection.execute(query, {"day": when}).fetchall()
    assert len(rows) == len(dict(rows))
    return dict(rows)


def shown(connection: ServingConnection) -> States:
    return dict(connection.execute("SELECT customer_id, segment_key FROM ml.segment_assignments").fetchall())
