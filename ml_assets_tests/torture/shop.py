"""A small real shop with a server of its own that commands are run on, and what must hold when a fault is over."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from ml_assets.database.embedded.postmaster import read_postmaster
from ml_assets.database.embedded.server import start_embedded
from ml_assets.whole_files import temporaries
from ml_assets_tests.conftest import short_lived_home
from ml_assets_tests.shop import write_shop
from ml_assets_tests.torture.outcome import Outcome

CUSTOMERS = 200
SPARE = 30
DAY = "2024-05-31"
SECONDS = 900
# The command line, told of every step as on a terminal.
PROGRAM = """
from ml_assets.cli import main, stopping

def listen(heard=stopping.listen):
    heard()
    from ml_assets.cli.progress import Progress
    Progress.__call__ = lambda self, told: print(getattr(told, "text", told).strip(), flush=True)

stopping.listen = listen
main.main()
"""
LIVE = "SELECT count(*) FROM books_ml.releases WHERE state = 'live' AND data_as_of = %s"
UNFINISHED = "SELECT count(*) FROM dagster.runs WHERE status IN ('STARTED', 'STARTING', 'NOT_STARTED', 'QUEUED')"
PARTITIONS = """
    SELECT count(*) FROM (
        SELECT relname::text FROM pg_class
        WHERE relnamespace = 'books_ml_store'::regnamespace AND relkind = 'r' AND relname ~ '_[0-9]+$'
        EXCEPT ALL
        SELECT subject || '_' || release_id FROM books_ml_meta.releases WHERE dropped_at IS NULL
    ) AS loose
"""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def has_traceback(self) -> bool:
        """Whether a Python traceback reached the reader."""
        return "Traceback (most recent call last)" in self.out + self.err


class Shop:
    """A shop in a folder, with an embedded server in its home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = write_shop(folder, customers=CUSTOMERS, items=60, effort="full")
        self.home = folder / ".ml_assets"
        self.lake = self.home / "lake" / "books"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PG", "DAGSTER", "DATABASE"))},
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }

    @property
    def url(self) -> str:
        """The server's, started where it does not run."""
        return start_embedded(self.home)

    @property
    def customers(self) -> list[str]:
        """Those who have lists and keep them."""
        return self._with_lists()[SPARE:]

    @property
    def spare(self) -> list[str]:
        """Those who may be erased."""
        return self._with_lists()[:SPARE]

    def _with_lists(self) -> list[str]:
        query = "SELECT DISTINCT customer_id FROM books_ml.recommendations ORDER BY 1"
        return [str(row[0]) for row in self.rows(query)]

    @property
    def postmaster(self) -> psutil.Process:
        """The server's first process."""
        found = read_postmaster(self.home.absolute() / "postgres")
        assert found is not None
        return psutil.Process(found.pid)

    def rows(self, query: str, given: list[Any] | None = None) -> list[Any]:
        """Ask the database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query, given).fetchall()

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start `ml-assets ...` in a group of its own."""
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments, "--config", str(self.config)],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def call(self, *arguments: str, **environment: str) -> Done:
        """Run `ml-assets ...` to its end."""
        process = self.start(*arguments, **environment)
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += f"\n{' '.join(arguments)} was still running after {SECONDS} s"
        return Done(process.returncode, out, err)

    def mend(self, outcome: Outcome, *arguments: str, day: str = DAY) -> Done:
        """Give the same command again, as cron does; what it does not mend needs a hand."""
        done = self.call(*(arguments or ("run", "--date", day)))
        if done.code or done.has_traceback:
            outcome.wrong("hands", f"exit {done.code}: {done.out[-2000:]} {done.err[-2000:]}")
        elif self.rows(LIVE, [day]) != [(4,)]:
            outcome.wrong("hands", f"{day} is not live")
        self.count_leftovers(outcome)
        return done

    def count_leftovers(self, outcome: Outcome) -> None:
        """What belongs to nothing: files of killed writers, partitions without a release, runs that are not alive."""
        if files := [str(path) for path in temporaries(self.home) if "postgres" not in path.parts]:
            outcome.wrong("leftovers", files, len(files))
        for what, query in (("unfinished runs", UNFINISHED), ("partitions without a release", PARTITIONS)):
            if count := self.rows(query)[0][0]:
                outcome.wrong("leftovers", f"{count} {what}", count)


@contextmanager
def computed_shop() -> Iterator[Shop]:
    """A shop whose last two days are live and ready, removed in the end with all its processes."""
    with short_lived_home() as folder:
        shop = Shop(folder)
        try:
            for day in ("2024-05-30", DAY):
                done = shop.call("run", "--date", day)
                assert done.code == 0, done.out + done.err
            yield shop
        finally:
            from ml_assets.database.embedded.server import stop_embedded

            stop_embedded(shop.home)


def until(what: Any, seconds: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain")
        time.sleep(0.05)
