"""Readers and publishers at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg

from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas
from ml_assets_tests.releases.frames import popular_items, recommendations, release


def test_readers_see_whole_releases_only(connection: ServingConnection, postgres_url: str) -> None:
    """With the pointer alone about one read in a hundred is empty: planned before the partition was attached."""
    wrong: list[object] = []
    reads = []
    done = threading.Event()

    def read(prepared: bool) -> None:
        with psycopg.connect(postgres_url, autocommit=True, prepare_threshold=0 if prepared else None) as reader:
            while not done.is_set():
                rows = reader.execute("SELECT release_id, item_id FROM ml.popular_items").fetchall()
                reads.append(len(rows))
                if len(rows) != 6 or len({row[0] for row in rows}) != 1:
                    wrong.append(rows)

    release(connection, popular_items(), "popular_items", k=3)
    threads = [threading.Thread(target=read, args=(prepared,)) for prepared in (False, True, False)]
    for thread in threads:
        thread.start()
    for number in range(60):
        release(connection, popular_items(), "popular_items", day=number // 4, k=3)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(reads) > 100


def test_readers_of_lists_see_whole_releases_while_ten_are_published(
    connection: ServingConnection, postgres_url: str
) -> None:
    seen: list[tuple[int, int]] = []
    done = threading.Event()

    def read() -> None:
        with psycopg.connect(postgres_url, autocommit=True) as reader:
            while not done.is_set():
                query = "SELECT count(DISTINCT release_id), count(*) FROM ml.recommendations"
                seen.extend(reader.execute(query).fetchall())

    release(connection, recommendations(range(300)))
    thread = threading.Thread(target=read)
    thread.start()
    for number in range(10):
        release(connection, recommendations(range(300)), day=number)
    done.set()
    thread.join()
    assert set(seen) == {(1, 1200)}


def test_a_reader_in_a_long_transaction_does_not_hold_up_publishing(
    connection: ServingConnection, postgres_url: str
) -> None:
    first = release(connection, recommendations())
    with psycopg.connect(postgres_url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        query = "SELECT DISTINCT release_id FROM ml.recommendations"
        assert reader.execute(query).fetchall() == [(first.release_id,)]
        connection.execute("SET statement_timeout = '5s'")
        second = release(connection, recommendations(), day=1)
        assert reader.execute(query).fetchall() == [(first.release_id,)]
        reader.commit()
        assert reader.execute(query).fetchall() == [(second.release_id,)]


def test_publishers_of_one_subject_take_turns(connection: ServingConnection, postgres_url: str) -> None:
    def publish_day(day: int) -> None:
        with ServingConnection.open(postgres_url, Schemas()) as other:
            release(other, recommendations(), day=day)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(publish_day, [0, 1, 2, 2, 1, 0]))
    live = connection.execute("SELECT data_as_of::text FROM ml.releases WHERE state = 'live'").fetchall()
    assert live == [("2026-01-07",)]
    days = connection.execute("SELECT count(*) FROM ml.releases WHERE state <> 'retired'").fetchone()
    assert days == (3,)
