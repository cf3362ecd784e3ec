"""The embedded PostgreSQL survives its starters, its killers and odd folders."""

import fcntl
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ml_assets.database import waits
from ml_assets.database.embedded import server
from ml_assets.database.embedded.postmaster import processes_in, read_postmaster, socket_folder
from ml_assets.database.embedded.server import psql_path, start_embedded, stop_embedded
from ml_assets.errors import PassingError, UserError
from ml_assets_tests.conftest import short_lived_home

START = "import sys; from pathlib import Path; from ml_assets.database.embedded.server import start_embedded as s; "
PRINT_URL = START + "print(s(Path(sys.argv[1])))"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """One server for the tests that break it; each leaves it startable."""
    with short_lived_home() as folder:
        yield folder


@pytest.fixture
def fresh_home() -> Iterator[Path]:
    """A home in which nothing was started yet."""
    with short_lived_home() as folder:
        yield folder


def postmaster_pid(home: Path) -> int:
    found = read_postmaster(home / "postgres")
    assert found is not None
    return found.pid


def value(url: str, query: str = "SELECT 1") -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return row and row[0]


def start_elsewhere(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRINT_URL, str(home)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def test_three_commands_that_start_at_once_share_one_server(fresh_home: Path) -> None:
    commands = [start_elsewhere(fresh_home / "shop") for _ in range(3)]
    urls = {command.communicate()[0].strip() for command in commands}
    try:
        assert [command.returncode for command in commands] == [0, 0, 0]
        assert len(urls) == 1
        assert str(value(urls.pop(), "SHOW server_version")).startswith("18")
    finally:
        assert stop_embedded(fresh_home / "shop")
    assert not stop_embedded(fresh_home / "shop")


def test_the_server_outlives_the_command_that_started_it(home: Path) -> None:
    stop_embedded(home) if (home / "postgres").exists() else None
    with start_elsewhere(home) as command:
        assert command.stdout is not None
        url = command.stdout.read().strip()
    assert value(url) == 1
    pid = postmaster_pid(home)
    assert start_embedded(home) == url
    assert postmaster_pid(home) == pid
    # Its own session: neither Ctrl-C nor a closed terminal reaches it.
    assert os.getsid(pid) == pid


def test_ctrl_c_and_kill_of_the_starting_command_leave_a_server_that_is_found(home: Path) -> None:
    for blow in (signal.SIGINT, signal.SIGKILL):
        if processes_in(home / "postgres"):
            stop_embedded(home)
        with start_elsewhere(home) as command:
            until = time.monotonic() + 20
            while not processes_in(home / "postgres") and time.monotonic() < until:
                time.sleep(0.005)
            os.killpg(command.pid, blow)
        assert value(start_embedded(home)) == 1


def test_a_killed_postmaster_is_recovered_from(home: Path) -> None:
    url = start_embedded(home)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (a int); TRUNCATE kept; INSERT INTO kept VALUES (7)")
        # This process keeps computing after its postmaster is gone, and would keep a new one from starting.
        busy = psycopg.connect(url, autocommit=True)
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 2000000000)")
        os.kill(postmaster_pid(home), signal.SIGKILL)
    assert value(start_embedded(home), "SELECT a FROM kept") == 7
    busy.close()


PID_FILES = ["", "123", "1\n{data}\n1\n5432\n{data}\n\n1 1\nready\n", "{pid}\n{data}\n1\n5432\n{data}\n"]


@pytest.mark.parametrize("contents", PID_FILES)
def test_a_broken_pid_file_or_the_pid_of_another_program_does_not_matter(home: Path, contents: str) -> None:
    start_embedded(home)
    stop_embedded(home)
    data = home / "postgres"
    text = contents.format(data=data, pid=os.getpid())
    (data / "postmaster.pid").write_text(text, encoding="utf-8")
    (data / ".s.PGSQL.5432.lock").write_text(text, encoding="utf-8")
    assert value(start_embedded(home)) == 1


def test_what_an_interrupted_creation_left_is_cleared_away(fresh_home: Path) -> None:
    half = fresh_home / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n", encoding="utf-8")
    try:
        assert value(start_embedded(fresh_home)) == 1
    finally:
        stop_embedded(fresh_home)
    assert not half.exists()


def test_folders_with_long_names_and_odd_characters_work(fresh_home: Path) -> None:
    folder = fresh_home / f"my 'first' \"shop\" $HOME, é {'x' * 60}"
    try:
        assert value(start_embedded(folder)) == 1
        assert stop_embedded(folder)
        assert value(start_embedded(folder)) == 1
    finally:
        stop_embedded(folder)
        shutil.rmtree(socket_folder(folder / "postgres"))


def test_a_home_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"cannot use .*file.*Not a directory"):
        start_embedded(tmp_path / "file" / "home")


def test_a_server_that_does_not_start_says_why(home: Path) -> None:
    start_embedded(home)
    stop_embedded(home)
    extra = home / "postgres" / "postgresql.auto.conf"
    before = extra.read_bytes()
    extra.write_bytes(before + b"work_mem = 'plenty'\n")
    try:
        with pytest.raises(UserError, match=r"did not start: .*postgresql.auto.conf.*server.log"):
            start_embedded(home)
    finally:
        extra.write_bytes(before)
    assert value(start_embedded(home)) == 1


def test_the_environments_pg_variables_do_not_matter(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start_embedded(home)
    stop_embedded(home)
    for name, text in {"PGPORT": "1", "PGDATABASE": "x", "PGUSER": "y", "PGDATA": "/z", "LC_ALL": "xx_YY"}.items():
        monkeypatch.setenv(name, text)
    assert value(start_embedded(home)) == 1


def test_the_socket_is_for_its_owner_only(home: Path) -> None:
    start_embedded(home)
    assert (home / "postgres" / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
    assert value(start_embedded(home), "SHOW listen_addresses") == ""


def test_psql_is_there(home: Path) -> None:
    answer = subprocess.run(
        [psql_path(), start_embedded(home), "-Atc", "SELECT 41 + 1"], check=True, capture_output=True, text=True
    )
    assert answer.stdout.strip() == "42"


def test_who_waits_for_another_start_says_so_and_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(waits, "SECONDS_UNTIL_SAID", 0.1)
    monkeypatch.setattr(server, "SECONDS_TO_TAKE_TURNS", 1.0)
    # A command that ran in this process keeps what it logs to itself.
    monkeypatch.setattr(logging.getLogger("ml_assets"), "propagate", True)
    with (tmp_path / "postgres.lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PassingError, match=r"process 4711\) has been starting") as refused:
            start_embedded(tmp_path)
    assert refused.value.code == "database.busy"
    assert "Waiting for another command that starts or stops the embedded PostgreSQL" in caplog.text
