"""The database of a shop."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ml_assets_tests.sources.postgres.shop import TABLES


@pytest.fixture
def database(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A database with orders in two tables and a view over them."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(TABLES)
        yield connection


@pytest.fixture
def url(database: psycopg.Connection[Any], postgres_url: str) -> str:
    return postgres_url
