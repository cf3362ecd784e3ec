"""Connections to databases that are set up for a shop."""

from collections.abc import Iterator

import pytest

from ml_assets.serving.connection import ServingConnection
from ml_assets.serving.migrate import migrate
from ml_assets.serving.schemas import Schemas


@pytest.fixture
def connection(postgres_url: str) -> Iterator[ServingConnection]:
    """A shop whose ids are integers."""
    with ServingConnection.open(postgres_url, Schemas()) as opened:
        migrate(opened, customer_id_type="bigint", item_id_type="bigint", source="files")
        yield opened


@pytest.fixture
def text_connection(postgres_url: str) -> Iterator[ServingConnection]:
    """A shop named x whose ids are text."""
    with ServingConnection.open(postgres_url, Schemas("x")) as opened:
        migrate(opened, customer_id_type="text", item_id_type="text", source="files")
        yield opened
