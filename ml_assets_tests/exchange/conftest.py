"""Fixtures of tests of rules."""

import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets_tests.releases.frames import (
    items,
    popular_items,
    recommendations,
    release,
    similar_items,
)


@pytest.fixture
def shop(connection: ServingConnection) -> ServingConnection:
    """Three customers with lists of six candidates, of which three are shown."""
    release(connection, recommendations(items=[11, 12, 13, 14, 15, 16]), items=items(), k=3)
    release(connection, popular_items([11, 21, 22, 23, 24]), "popular_items", k=3)
    release(connection, similar_items(), "similar_items")
    return connection
