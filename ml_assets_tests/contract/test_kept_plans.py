"""Sessions that keep a plan, and what they see of releases that go live meanwhile."""

from collections.abc import Iterator
from typing import Any

import polars as pl
import psycopg
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.releases.pointer import roll_back, unpin
from ml_assets_tests.releases.frames import (
    assignments,
    popular_items,
    recommendations,
    release,
    segments,
    similar_items,
)

LISTS = "SELECT DISTINCT release_id FROM ml.recommendations WHERE customer_id = 1"


@pytest.fixture
def reader(postgres_url: str) -> Iterator[psycopg.Connection]:
    """A session that prepares every statement and keeps its plan whatever the parameters."""
    with psycopg.connect(postgres_url, autocommit=True, prepare_threshold=0) as opened:
        opened.execute("SET plan_cache_mode = force_generic_plan")
        yield opened


def seen(reader: psycopg.Connection, query: str = LISTS) -> list[int]:
    return [row[0] for row in reader.execute(query).fetchall()]


@pytest.mark.parametrize(
    ("subject", "frame"),
    [
        ("recommendations", recommendations()),
        ("segment_assignments", assignments()),
        ("similar_items", similar_items()),
        ("popular_items", popular_items()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_kept_plan_follows_every_move_of_the_pointer_at_once(
    connection: ServingConnection, reader: psycopg.Connection, subject: str, frame: pl.DataFrame
) -> None:
    query = f"SELECT DISTINCT release_id FROM ml.{subject}"
    assert seen(reader, query) == []
    more: dict[str, Any] = {"segments": segments()} if subject == "segment_assignments" else {}
    first = release(connection, frame, subject, **more).release_id
    assert seen(reader, query) == [first]
    second = release(connection, frame, subject, day=1, **more).release_id
    assert seen(reader, query) == [second]
    roll_back(connection, subject, to=None, reason="x")
    assert seen(reader, query) == [first]
    unpin(connection, subject)
    assert seen(reader, query) == [second]


def test_a_kept_plan_in_a_long_transaction_is_never_left_without_rows(
    connection: ServingConnection, reader: psycopg.Connection
) -> None:
    release(connection, recommendations())
    with reader.transaction():
        before = seen(reader)
        for day in range(1, 4):
            last = release(connection, recommendations(), day=day).release_id
        # This transaction holds all its locks already, so little tells it of the new partitions.
        assert seen(reader) in (before, [last])
        assert seen(reader) == [last]


def test_a_plan_made_for_an_old_snapshot_is_forgotten_after_one_more_use(
    connection: ServingConnection, reader: psycopg.Connection
) -> None:
    first = release(connection, recommendations()).release_id
    reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with reader.transaction():
        reader.execute("SELECT 1 FROM pg_class").fetchall()
        second = release(connection, recommendations(), day=1).release_id
        assert seen(reader) == seen(reader) == [first]
    assert seen(reader) in ([first], [second])
    assert seen(reader) == [second]
