"""What a crash of PostgreSQL leaves in its folder is found and removed, and nothing else."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import psycopg

from ml_assets.database.connection import ServingConnection
from ml_assets.database.embedded.server import start_embedded
from ml_assets.database.names import Schemas
from ml_assets.database.orphaned_files import orphaned_files, remove_orphaned_files
from ml_assets_tests.conftest import short_lived_home

FILL = "CREATE TABLE {} AS SELECT g, repeat('x', 100) AS t FROM generate_series(1, 10000) AS g"
NOW = timedelta(0)


def _once_it_answers(home: Path) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(start_embedded(home)).close()
            return start_embedded(home)
        except psycopg.OperationalError:
            assert time.monotonic() < deadline


def test_files_of_a_crash_are_found_and_removed_and_those_of_tables_are_not() -> None:
    with short_lived_home() as home:
        url = start_embedded(home)
        with ServingConnection.open(url, Schemas()) as connection:
            connection.execute(FILL.format("public.kept"))
            assert orphaned_files(connection, NOW) == []
        loading = psycopg.connect(url)
        loading.execute(FILL.format("lost"))
        ((lost,),) = loading.execute("SELECT pg_relation_filepath('lost')").fetchall()
        # Killed itself, it cannot remove what it has made; the server restarts.
        os.kill(loading.info.backend_pid, signal.SIGKILL)
        loading.close()
        with ServingConnection.open(_once_it_answers(home), Schemas()) as connection:
            assert orphaned_files(connection) == [], "too new to be sure"
            os.utime(home / "postgres" / lost, (time.time() - 3600, time.time() - 3600))
            found = orphaned_files(connection)
            assert found is not None
            assert [file.path for file in found] == [lost]
            assert found[0].size > 1_000_000
            assert remove_orphaned_files(connection, home / "postgres") == found
            assert orphaned_files(connection) == []
            assert connection.execute("SELECT count(*) FROM public.kept").fetchall() == [(10_000,)]


def test_files_of_an_open_transaction_are_nobodys_orphans(connection: ServingConnection, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as loading:
        loading.execute(FILL.format("public.growing"))
        assert orphaned_files(connection, NOW) == []
        loading.execute("ALTER TABLE public.growing ALTER g TYPE bigint")
        assert orphaned_files(connection, NOW) == []
        loading.commit()
    assert orphaned_files(connection, NOW) == []


def test_a_role_that_may_not_look_is_told_so(connection: ServingConnection, tmp_path: Path) -> None:
    connection.execute("SET ROLE ml_writer")
    assert orphaned_files(connection, NOW) is None
    assert remove_orphaned_files(connection, tmp_path) == []
