"""A publisher sees that releases are being read, and loads the next one in small steps."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.releases import partition, readers
from ml_assets.releases.readers import Readers
from ml_assets_tests.releases.frames import recommendations, release

Row = tuple[Any, ...]
LISTS = "SELECT customer_id, placement, rank, item_id, score, source, reason_code, reason_items FROM ml.recommendations"


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "SECONDS_BETWEEN_LOOKS", 0.3)


def rows(connection: ServingConnection, query: str) -> list[Row]:
    return connection.execute(query.encode()).fetchall()


@contextmanager
def reading(url: str) -> Iterator[None]:
    """Somebody who reads steadily, and is gone afterwards. A session reports its reads while it ends."""
    stop, began = threading.Event(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            with psycopg.connect(url, autocommit=True, application_name="reader") as reader:
                for _ in range(5):
                    reader.execute("SELECT * FROM ml.recommendations WHERE customer_id = 1")
            began.set()

    thread = threading.Thread(target=read)
    thread.start()
    began.wait()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        with psycopg.connect(url, autocommit=True) as others:
            while others.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = 'reader'").fetchall():
                time.sleep(0.01)
            if others.info.server_version < 150000:
                # A collector writes the reports down, up to half a second later.
                time.sleep(1)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that this thread asks for, noted instead of taken; other threads go on taking theirs."""
    noted: list[float] = []
    sleep, mine = time.sleep, threading.get_ident()

    def pause(seconds: float) -> None:
        noted.append(seconds) if threading.get_ident() == mine else sleep(seconds)

    monkeypatch.setattr(time, "sleep", pause)
    return noted


def seen_after(connection: ServingConnection, seconds: float) -> bool:
    with connection.transaction():
        seen = Readers(connection)
        threading.Event().wait(seconds)
        rows(connection, LISTS)
        return seen.are_busy()


def test_readers_are_seen_while_they_read_and_only_then(connection: ServingConnection, postgres_url: str) -> None:
    release(connection, recommendations())
    with reading(postgres_url):
        assert seen_after(connection, 1)
    assert not seen_after(connection, 1)


def test_what_the_publisher_reads_itself_does_not_count(connection: ServingConnection) -> None:
    release(connection, recommendations())
    # Before PostgreSQL 15 counts come late: those of publishing must be in.
    threading.Event().wait(1.5)
    with connection.transaction():
        seen = Readers(connection)
        for _ in range(50):
            rows(connection, LISTS)
        threading.Event().wait(0.4)
        assert not seen.are_busy()


def test_a_release_loaded_gently_is_the_same_release(
    connection: ServingConnection, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    monkeypatch.setattr(partition, "GENTLE_BYTES", 4096)
    at_once = release(connection, recommendations(range(300)), give_way=False)
    lists = rows(connection, LISTS)
    assert not pauses
    monkeypatch.setattr(Readers, "are_busy", lambda _: True)
    gently = release(connection, recommendations(range(300)), day=1)
    assert len(pauses) > 20
    assert gently.checksum == at_once.checksum
    assert rows(connection, LISTS) == lists
    pages = "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relname ~ '^recommendations_[0-9]+$'"
    assert len({size for _, size in rows(connection, pages)}) == 1


@pytest.mark.long
def test_a_publisher_gives_way_while_somebody_reads(
    connection: ServingConnection, postgres_url: str, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    monkeypatch.setattr(partition, "BLOCK_ROWS", 500)
    release(connection, recommendations())
    with reading(postgres_url):
        for day in range(1, 4):
            release(connection, recommendations(range(20_000)), day=day)
    assert pauses
    assert len(rows(connection, "SELECT 1 FROM ml.recommendations WHERE placement = 'for_you'")) == 40_000
