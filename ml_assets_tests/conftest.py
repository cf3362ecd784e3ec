"""Fixtures that every package of tests shares: one embedded PostgreSQL per session, a fresh database per test."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from ml_assets.serving.embedded import start_embedded, stop_embedded


@contextmanager
def short_lived_home() -> Iterator[Path]:
    """A home for an embedded server, stopped and removed at the end.

    Not in pytest's own folders: every pytest that starts closes them to all but its user, while under root the
    server runs as another one.
    """
    home = Path(tempfile.mkdtemp(prefix="ml_assets_tests-"))
    try:
        yield home
    finally:
        stop_embedded(home)
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def embedded_url() -> Iterator[str]:
    """The URL of a real server; its database `postgres` stays empty."""
    with short_lived_home() as home:
        url = start_embedded(home)
        with psycopg.connect(url, autocommit=True) as connection:
            # Databases that live for one test need not survive a power cut.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url


@pytest.fixture
def postgres_url(embedded_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database that exists for one test."""
    name = f"test_{abs(hash(request.node.nodeid))}"
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield embedded_url.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
