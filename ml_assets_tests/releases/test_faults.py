"""Whatever breaks while a release is published, readers see complete lists of one release, and nothing is left over."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from ml_assets.contract.migrate import migrate
from ml_assets.database.connection import ServingConnection, connect
from ml_assets.database.embedded.server import start_embedded, stop_embedded
from ml_assets.database.names import Schemas
from ml_assets.errors import UserError
from ml_assets.releases.retention import drop_retired
from ml_assets.settings.shop import Settings
from ml_assets_tests.clocks import Clock, other_clock
from ml_assets_tests.conftest import short_lived_home
from ml_assets_tests.contract.before_owner import hand_back
from ml_assets_tests.contract.test_migrate import SHOP
from ml_assets_tests.releases.frames import drops, recommendations, release
from ml_assets_tests.releases.publishers import PUBLISHERS
from ml_assets_tests.releases.reading_crowd import K, crowd, lists, orphans
from ml_assets_tests.small_disk import give_to_server

KILLS = 30


def shown(connection: ServingConnection) -> int:
    ((day,),) = connection.execute("SELECT DISTINCT item_id / 1000 FROM ml.recommendations").fetchall()
    return int(day)


def test_a_publisher_killed_at_any_moment_hurts_no_reader(connection: ServingConnection, postgres_url: str) -> None:
    release(connection, lists(0), k=K)
    moments = random.Random(4)
    ends = []
    command = [sys.executable, "-c", PUBLISHERS, postgres_url]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as publishers,
        crowd(postgres_url) as seen,
    ):
        assert publishers.stdin is not None
        assert publishers.stdout is not None
        for number in range(1, KILLS + 1):
            print(number, file=publishers.stdin, flush=True)
            pid = int(publishers.stdout.readline())
            time.sleep(moments.uniform(0, 0.4))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            ends.append(int(publishers.stdout.readline()))
        publishers.stdin.close()
    assert signal.SIGKILL in ends
    assert seen.wrong == []
    assert seen.answers > 100
    assert release(connection, lists(99), day=99, k=K).state == "live"
    assert shown(connection) == 99
    assert orphans(connection) == (set(), set())


@contextlib.contextmanager
def during_copy(url: str, action: str) -> Iterator[list[bool]]:
    """Run SQL on the backend of a COPY once one is under way in another connection; tells whether it was."""
    done: list[bool] = []

    def watch() -> None:
        with psycopg.connect(url, autocommit=True) as watcher:
            deadline = time.monotonic() + 60
            while not done and time.monotonic() < deadline:
                query = f"SELECT {action} FROM pg_stat_progress_copy WHERE datid = (SELECT oid FROM pg_database "
                if watcher.execute(query + "WHERE datname = current_database())").fetchall():
                    done.append(True)

    thread = threading.Thread(target=watch)
    thread.start()
    yield done
    thread.join()


def test_a_connection_cut_in_the_middle_of_loading_leaves_the_live_release(
    connection: ServingConnection, postgres_url: str
) -> None:
    release(connection, lists(0), k=K)
    with (
        crowd(postgres_url) as seen,
        # Closed and no more: what was cut has nothing to commit.
        contextlib.closing(ServingConnection.open(postgres_url, Schemas())) as cut,
        during_copy(postgres_url, "pg_terminate_backend(pid)") as done,
        pytest.raises(psycopg.OperationalError),
    ):
        _publish_until(done, cut)
    assert (seen.wrong, shown(connection) in (0, 1)) == ([], True)
    assert release(connection, lists(2), day=2, k=K).state == "live"
    assert orphans(connection) == (set(), set())


def _publish_until(done: list[bool], connection: ServingConnection) -> None:
    while not done:
        release(connection, lists(1), day=1, k=K)
    # The cut may have come between two statements.
    connection.execute("SELECT 1")


def test_a_server_stopped_in_the_middle_of_loading_comes_back_with_the_live_release() -> None:
    with short_lived_home() as home:
        settings = Settings(home=home)
        url = start_embedded(home)
        with connect(settings) as connection:
            migrate(connection, **SHOP)
            release(connection, lists(0), k=K)
        stopped = threading.Event()

        def publish_until_the_end() -> str:
            try:
                with connect(settings) as connection:
                    for _ in range(1000):
                        release(connection, lists(1), day=1, k=K)
            except UserError as error:
                return error.problem
            return "was never stopped"

        with crowd(url) as seen, ThreadPoolExecutor(1) as pool:
            publisher = pool.submit(publish_until_the_end)
            with during_copy(url, "pg_sleep(0)"):
                pass
            seen.is_down = True
            stop_embedded(home)
            stopped.set()
            assert "connection to the database was lost" in publisher.result()
            start_embedded(home)
            answered = seen.answers
            while seen.answers < answered + 50:
                time.sleep(0.01)
            seen.is_down = False
        assert seen.wrong == []
        with connect(settings) as connection:
            assert shown(connection) in (0, 1)
            assert release(connection, lists(2), day=2, k=K).state == "live"
            assert orphans(connection) == (set(), set())


def test_a_full_disk_stops_the_publication_and_nothing_else(
    connection: ServingConnection, postgres_url: str, small_disk: Path
) -> None:
    release(connection, lists(0), k=K)
    give_to_server(small_disk, connection)
    connection.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    connection.execute("GRANT CREATE ON TABLESPACE small TO ml_owner")
    try:
        with crowd(postgres_url) as seen:
            connection.execute("SET default_tablespace = small")
            with pytest.raises(UserError, match=r"no space for this release.*No space left on device"):
                release(connection, recommendations(range(12_000), range(1001, 1041)), day=1, k=K)
            connection.execute("RESET default_tablespace")
            assert shown(connection) == 0
            assert release(connection, lists(2), day=2, k=K).state == "live"
        assert seen.wrong == []
        assert orphans(connection) == (set(), set())
    finally:
        connection.execute("DROP TABLESPACE small")


def test_two_publishers_at_once_take_turns_and_readers_notice_nothing(
    connection: ServingConnection, postgres_url: str
) -> None:
    release(connection, lists(0), k=K)

    def publish_some(days: list[int]) -> None:
        with ServingConnection.open(postgres_url, Schemas()) as other:
            for day in days:
                release(other, lists(day), day=day, k=K)

    with crowd(postgres_url) as seen, ThreadPoolExecutor(2) as pool:
        list(pool.map(publish_some, [[1, 3, 4, 4, 2], [2, 1, 4, 3, 5]]))
    assert (seen.wrong, shown(connection)) == ([], 5)
    states = connection.execute("SELECT state, count(*) FROM ml.releases GROUP BY 1 ORDER BY 1").fetchall()
    assert states == [("live", 1), ("ready", 5), ("retired", 5)]
    assert orphans(connection) == (set(), set())


def test_a_snapshot_older_than_the_move_still_reads_its_release_whatever_retention_wants(
    connection: ServingConnection, postgres_url: str
) -> None:
    """The transaction has not touched the lists yet, so it holds no lock that would keep them."""
    release(connection, lists(0), k=K)
    with psycopg.connect(postgres_url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT 1")
        release(connection, lists(1), day=0, k=K)
        assert drop_retired(connection, "recommendations", grace=timedelta(0)) == 0
        ((day,),) = reader.execute("SELECT DISTINCT item_id / 1000 FROM ml.recommendations").fetchall()
        assert day == 0
    assert drops(connection, "recommendations", 1, grace=timedelta(0))
    assert shown(connection) == 1


def test_a_roll_back_hurts_no_reader(connection: ServingConnection, postgres_url: str) -> None:
    from ml_assets.releases.pointer import roll_back, unpin

    for day in range(3):
        release(connection, lists(day), day=day, k=K)
    with crowd(postgres_url) as seen:
        for _ in range(8):
            roll_back(connection, "recommendations", to=None, reason="x")
            release(connection, lists(2), day=2, k=K)
            unpin(connection, "recommendations")
    assert (seen.wrong, shown(connection)) == ([], 2)


MIGRATE = """
import sys
from ml_assets.database.connection import ServingConnection
from ml_assets.contract.migrate import migrate
from ml_assets.database.names import Schemas

connection = ServingConnection.open(sys.argv[1], Schemas())
print("ready", flush=True)
migrate(connection, customer_id_type="bigint", item_id_type="bigint", source="files")
print("done", flush=True)
"""


def test_an_upgrade_killed_again_and_again_hurts_no_reader_and_is_finished_by_the_next(postgres_url: str) -> None:
    delays = random.Random(7)
    with ServingConnection.open(postgres_url, Schemas()) as connection:
        migrate(connection, **SHOP)
        old = release(connection, lists(0), day=3, k=K).release_id
        hand_back(connection)
        with crowd(postgres_url, readers=2) as seen:
            for _ in range(6):
                command = [sys.executable, "-c", MIGRATE, postgres_url]
                with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                    assert process.stdout is not None
                    process.stdout.readline()
                    time.sleep(delays.uniform(0, 0.15))
                    process.kill()
            migrate(connection, **SHOP)
            release(connection, lists(1), day=4, k=K)
        assert seen.wrong == []
        assert shown(connection) == 1
        past = f"SELECT count(*) FROM ml.past_recommendations WHERE release_id = {old}"
        assert connection.execute(past).fetchone() == (6_000,)
        assert migrate(connection, **SHOP) == []
        assert orphans(connection) == (set(), set())


@pytest.fixture
def jumping_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The clock of servers started meanwhile."""
    with other_clock() as clock:
        if clock is None:
            pytest.skip("no other clock can be set here (needs Linux and a C compiler)")
        for name, value in clock.environment.items():
            monkeypatch.setenv(name, value)
        yield clock


def test_a_server_whose_clock_jumps_while_publishing_hurts_no_reader(jumping_clock: Clock) -> None:
    with short_lived_home() as home:
        settings = Settings(home=home)
        url = start_embedded(home)
        with connect(settings) as connection:
            migrate(connection, **SHOP)
            release(connection, lists(0), k=K)
            times = set()
            with crowd(url) as seen:
                for day, hours in enumerate((3, -48, 0, 9600, -1), start=1):
                    jumping_clock.set(timedelta(hours=hours))
                    times.add(connection.execute("SELECT now()").fetchall()[0][0])
                    with connect(settings) as publisher:
                        assert release(publisher, lists(day), day=day, k=K).state == "live"
                    assert shown(connection) == day
            assert seen.wrong == []
            assert orphans(connection) == (set(), set())
            now = "SELECT DISTINCT item_id / 1000 FROM ml.recommendations_as_of(clock_timestamp())"
            assert connection.execute(now).fetchall() == [(5,)]
            assert max(times) - min(times) > timedelta(days=400)
