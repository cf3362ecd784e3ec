"""Connections to databases that are set up for a shop."""

from collections.abc import Iterator

import pytest

from ml_assets.serving.connection import ServingConnection
from ml_assets.serving.schemas import Schemas


@pytest.fixture
def connection(postgres_url: str) -> Iterator[ServingConnection]:
    """A shop whose ids are integers."""
    with ServingConnection.open(postgres_url, Schemas()) as opened:
        yield opened


@pytest.fixture
def text_connection(postgres_url: str) -> Iterator[ServingConnection]:
    """A shop named x whose ids are text."""
    with ServingConnection.open(postgres_url, Schemas("x")) as opened:
        yield opened
