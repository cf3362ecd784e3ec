"""A database that cannot be reached is told in a sentence by every command, and its password by none."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_assets.cli import app as command
from ml_assets.database import connection as database
from ml_assets_tests.cli.shops import running_shop
from ml_assets_tests.servers.cut import breaking
from ml_assets_tests.shop import write_shop

PASSWORD = "s3cr3t/of@the#database"
WRITTEN = "s3cr3t%2Fof%40the%23database"
COMMANDS = [
    "run",
    "status",
    "releases",
    "rollback recommendations --reason x",
    "unpin recommendations",
    "accept 1 --override x",
    "diff 1 2",
    "models",
    "promote v1 for_you --force x",
    "explain c-001",
    "backtest",
    "rules list",
    "erase --customer c-001",
    "export recommendations --output lists.csv",
    "prune",
    "doctor",
    "watch --once",
    "alerts list",
    "add-reader shop",
    "psql",
    "ui --port 3999",
]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a shop in an empty folder."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return write_shop(tmp_path)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port that takes connections and says nothing, as a firewall or a hanging server."""
    monkeypatch.setattr(database, "SECONDS_TO_CONNECT", 2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def garbage() -> Iterator[int]:
    """A port where something else answers."""

    def answer() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.recv(100)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def said(
    line: str, url: str, config: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setattr(sys, "argv", ["ml-assets", *line.split(), "--config", str(config)])
    code = command.exit_code()
    return code, "".join(capfd.readouterr())


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_says_so_at_once(
    line: str, config: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code, words = said(line, f"postgresql://shop:{WRITTEN}@127.0.0.1:1/shop", config, monkeypatch, capfd)
    assert code == (2 if line == "doctor" else 1)
    assert "PostgreSQL at 127.0.0.1, database shop does not listen there" in " ".join(words.split())
    for unwanted in ("Traceback", "s3cr3t", "psycopg"):
        assert unwanted not in words


@pytest.mark.parametrize("kind", ["silent", "garbage"])
def test_a_server_that_hangs_or_is_none_is_told_in_a_bounded_time(
    kind: str,
    request: pytest.FixtureRequest,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    port = request.getfixturevalue(kind)
    code, words = said("status", f"postgresql://shop:{WRITTEN}@127.0.0.1:{port}/shop", config, monkeypatch, capfd)
    assert code == 1
    assert "PostgreSQL at 127.0.0.1, database shop" in " ".join(words.split())
    for unwanted in ("Traceback", "s3cr3t", "psycopg"):
        assert unwanted not in words


def test_a_run_whose_database_goes_away_says_so_and_the_next_one_finishes(
    embedded_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Cut at the first statement of a publication, when all is loaded, trained and scored."""
    with running_shop(embedded_url, tmp_path, "goes_away") as shop:
        direct = os.environ["DATABASE_URL"]
        with breaking(direct, "create_partition($1)") as way:
            through = f"postgresql://postgres:{WRITTEN}@127.0.0.1:{way.port}/goes_away"
            monkeypatch.setenv("DATABASE_URL", through)
            assert shop.call("run") == 1
            assert way.is_cut
        words = "".join(capfd.readouterr())
        assert "The connection to the database was lost" in words
        for unwanted in ("Traceback", "s3cr3t"):
            assert unwanted not in words
        assert shop.rows("SELECT count(*) FROM books_ml.recommendations") == [(0,)]
        monkeypatch.setenv("DATABASE_URL", direct)
        # Another process would not have them.
        for variable in ("DAGSTER_HOME", "DAGSTER_STORAGE_URL"):
            monkeypatch.delenv(variable)
        # Published; the data are of 2024 and therefore stale.
        assert shop.call("run") == 2
        assert len(shop.rows("SELECT * FROM books_ml.recommendations")) > 100
