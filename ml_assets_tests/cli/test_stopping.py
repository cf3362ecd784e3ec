"""Commands that are stopped, killed or lose their database: they end, say why, and the next one goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager
from datetime import date
from pathlib import Path

import psutil
import psycopg
import pytest

from ml_assets.database.embedded.postmaster import read_postmaster
from ml_assets.database.embedded.server import start_embedded
from ml_assets_tests.cli.shops import Shop
from ml_assets_tests.conftest import short_lived_home

TRAINED, DAY = date(2024, 5, 30), date(2024, 5, 31)
MAIN = "from ml_assets.cli.main import main; main()"
IN_NATIVE_CODE = """
import hashlib
from ml_assets.cli import stopping
stopping.listen()
print("working", flush=True)
hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
"""
SLOW_TO_LOAD = """
import sys, time

class Slow:
    def find_spec(name, path, target=None):
        if name == "ml_assets.cli.app":
            print("loading", flush=True)
            time.sleep(60)

sys.meta_path.insert(0, Slow)
from ml_assets.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """A shop with a database server of its own, whose models are trained."""
    environment = dict(os.environ)
    for name in environment:
        if name.startswith(("ML_ASSETS_", "DATABASE_URL", "PG", "DAGSTER_")):
            del os.environ[name]
    with short_lived_home() as home, chdir(home):
        os.environ["ML_ASSETS_HOME"] = str(home)
        made = Shop(home, start_embedded(home))
        assert made.call("run", "--date", TRAINED.isoformat()) == 0
        yield made
    os.environ.clear()
    os.environ.update(environment)


@contextmanager
def run_that_waits(shop: Shop, *, in_background: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A run that is held up in the middle of publishing until the end of a `with` block."""
    with (
        # Closed and no more: the server may be gone.
        closing(psycopg.connect(shop.url, application_name="pgAdmin")) as holder,
        closing(psycopg.connect(shop.url, autocommit=True)) as watcher,
    ):
        holder.execute("LOCK TABLE books_ml_meta.live_history IN SHARE MODE")
        before = signal.getsignal(signal.SIGINT)
        # As shells start what stands before an `&`.
        signal.signal(signal.SIGINT, signal.SIG_IGN if in_background else before)
        arguments = [sys.executable, "-c", MAIN, "run", "--date", DAY.isoformat(), "--config", str(shop.config)]
        with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
            signal.signal(signal.SIGINT, before)
            try:
                held_up = "SELECT 1 FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
                while not watcher.execute(held_up).fetchone():
                    assert process.poll() is None
                    time.sleep(0.05)
                yield process
            finally:
                process.kill()


def said(process: subprocess.Popen[str], words: str) -> str:
    """What a command has printed up to a line with some words."""
    assert process.stderr is not None
    text = ""
    for line in process.stderr:
        text += line
        if words in line:
            return text
    raise AssertionError(text)


def last_run(shop: Shop) -> str:
    ((status,),) = shop.rows("SELECT status FROM dagster.runs ORDER BY id DESC LIMIT 1")
    return str(status)


def publishes(shop: Shop) -> None:
    """The next command publishes the day that was not."""
    assert shop.call("run", "--date", DAY.isoformat()) == 0
    assert shop.rows("SELECT DISTINCT data_as_of FROM books_ml.recommendations") == [(DAY,)]
    assert last_run(shop) == "SUCCESS"


@pytest.mark.parametrize(
    ("sign", "exit_code", "in_background"), [(signal.SIGTERM, 143, True), (signal.SIGINT, 130, False)]
)
def test_a_run_that_waits_says_for_whom_and_ends_when_it_is_told_to(
    shop: Shop, sign: signal.Signals, exit_code: int, in_background: bool
) -> None:
    with run_that_waits(shop, in_background=in_background) as process:
        assert "pgAdmin (session " in said(process, "Waiting for the database: ")
        process.send_signal(sign)
        assert f"Stopped by {sign.name}." in said(process, "Stopped")
        assert process.wait(30) == exit_code
        assert last_run(shop) == "FAILURE"
    log = shop.rows("SELECT count(*) FROM dagster.event_logs WHERE event LIKE '%Waiting for the database: pgAdmin%'")
    assert log[0][0] > 0, "the log of the run says it too"


def test_after_a_run_that_was_killed_while_publishing_the_next_one_publishes(shop: Shop) -> None:
    with run_that_waits(shop) as process:
        process.kill()
        process.wait()
    publishes(shop)


def test_when_the_database_dies_while_publishing_the_run_says_so_and_the_next_one_publishes(shop: Shop) -> None:
    server = read_postmaster(Path(os.environ["ML_ASSETS_HOME"]) / "postgres")
    assert server is not None
    with run_that_waits(shop) as process:
        os.kill(server.pid, signal.SIGKILL)
        message = said(process, "Next:")
        assert process.wait(120) == 1
    assert "Traceback" not in message
    assert message.count("Error:") == 1
    publishes(shop)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_ends_while_it_is_still_being_loaded(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", SLOW_TO_LOAD, "run"], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, words = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert words.startswith(f"Stopped by {number.name}.")
    assert "Traceback" not in words


def test_a_command_that_hears_nothing_is_ended() -> None:
    arguments = [sys.executable, "-c", IN_NATIVE_CODE]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        started = psutil.Process(process.pid).cpu_times().user
        # In native code, and not on the way there.
        while psutil.Process(process.pid).cpu_times().user < started + 0.3:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
