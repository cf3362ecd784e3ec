"""Models for the registry about which nothing matters but what a test says."""

from datetime import date
from typing import Any

from ml_assets.books.models import RegisteredModel, register
from ml_assets.database.connection import ServingConnection


def add_model(
    connection: ServingConnection, kind: str, through: date, *, data_as_of: date | None = None, **more: Any
) -> None:
    """Register a promoted model that was trained through a day; the newest one with data, where it was another."""
    facts: dict[str, Any] = {
        "version": f"{kind}-{through}",
        "artifact": "lake/models",
        "checksum": "123",
        "decision": "promoted",
        "reason": "First.",
        "parameters": {},
        "metrics": {},
    }
    model = RegisteredModel(kind=kind, trained_through=through, **(facts | more))
    seen = {"data_as_of": data_as_of.isoformat()} if data_as_of else {}
    register(connection, model, {"data_fingerprint": "f", **seen})
