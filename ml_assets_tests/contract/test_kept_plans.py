"""Sessions that keep a plan, and what they see of releases that go live meanwhile."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import polars as pl
import psycopg
import pytest
from psycopg import IsolationLevel

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
# With a parameter that is 1, and the subject whose release they show. Functions keep plans of their own.
WAYS = {
    "view": ("SELECT DISTINCT release_id FROM ml.recommendations WHERE customer_id = %s", "recommendations"),
    "new customer": (
        "SELECT DISTINCT release_id FROM ml.recommendations WHERE customer_id = 8 + %s",
        "recommendations",
    ),
    "function": ("SELECT DISTINCT release_id FROM ml.recommend(%s)", "recommendations"),
    "function, new customer": ("SELECT DISTINCT release_id FROM ml.recommend(8 + %s)", "recommendations"),
    "similar items": ("SELECT DISTINCT release_id FROM ml.similar_items WHERE item_id = 10 + %s", "similar_items"),
    "basket": ("SELECT DISTINCT release_id FROM ml.recommend_for_items(ARRAY[10 + %s]::bigint[])", "similar_items"),
}
LEVELS = [IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE]


@contextmanager
def session(url: str, mode: str = "force_generic_plan") -> Iterator[psycopg.Connection]:
    """A session that prepares every statement and plans as told."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as opened:
        opened.execute("SELECT set_config('plan_cache_mode', %s, false)", [mode])
        yield opened


@pytest.fixture
def reader(postgres_url: str) -> Iterator[psycopg.Connection]:
    """A session that keeps its plans whatever the parameters."""
    with session(postgres_url) as opened:
        yield opened


def seen(reader: psycopg.Connection, query: str = LISTS, parameters: list[int] | None = None) -> list[int]:
    return [row[0] for row in reader.execute(query.encode(), parameters).fetchall()]


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


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("is_first", [True, False], ids=["first release", "next release"])
def test_a_transaction_keeps_to_its_snapshot_and_the_next_one_sees_the_new_release(
    connection: ServingConnection, postgres_url: str, level: IsolationLevel, mode: str, is_first: bool
) -> None:
    old: dict[str, list[int]] = {name: [] for name in WAYS}
    if not is_first:
        there = {"recommendations": release(connection, recommendations()).release_id}
        there["similar_items"] = release(connection, similar_items(), "similar_items").release_id
        old |= {name: [there[subject]] for name, (_, subject) in WAYS.items() if "new customer" not in name}
    with ExitStack() as stack:
        # A session for each, because one that plans anew may forget all its plans.
        sessions = {name: stack.enter_context(session(postgres_url, mode)) for name in WAYS}
        for name, reader in sessions.items():
            assert seen(reader, WAYS[name][0], [1]) == old[name]
            reader.isolation_level = level
        with ExitStack() as transactions:
            for reader in sessions.values():
                transactions.enter_context(reader.transaction())
                reader.execute("SELECT 1 FROM pg_class").fetchall()
            there = {"recommendations": release(connection, recommendations((1, 2, 9)), day=1).release_id}
            there["similar_items"] = release(connection, similar_items(), "similar_items", day=1).release_id
            new = {name: [there[subject]] for name, (_, subject) in WAYS.items()}
            # Told of the move, they plan anew: for their snapshot, where it is kept.
            now = new if level == IsolationLevel.READ_COMMITTED else old
            for _ in range(2):
                assert {name: seen(reader, WAYS[name][0], [1]) for name, reader in sessions.items()} == now
        for _ in range(2):
            assert {name: seen(reader, WAYS[name][0], [1]) for name, reader in sessions.items()} == new


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_a_move_that_a_session_is_not_told_of_yet_is_seen_late_or_fails_the_transaction(
    connection: ServingConnection, reader: psycopg.Connection, level: IsolationLevel
) -> None:
    first = release(connection, recommendations()).release_id
    second = release(connection, recommendations(), day=1).release_id
    reader.isolation_level = level
    assert seen(reader) == [second]
    connection.execute("CREATE OR REPLACE FUNCTION ml_meta.pointer_moved() RETURNS void LANGUAGE sql AS ''")
    roll_back(connection, "recommendations", to=None, reason="x")
    is_refused: AbstractContextManager[object] = nullcontext()
    if level != IsolationLevel.READ_COMMITTED:
        is_refused = pytest.raises(psycopg.errors.SerializationFailure, match="another release went live")
    with is_refused, reader.transaction():
        assert seen(reader) == [second]
    with reader.transaction():
        assert seen(reader) == [first]
