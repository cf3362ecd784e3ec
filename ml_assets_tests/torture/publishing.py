"""Kills around `publish()` and lists that are made anew: the program, its server process, and the whole server."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg

from ml_assets.contract.migrate import migrate
from ml_assets.database.ask import one
from ml_assets.database.connection import connect
from ml_assets.database.embedded.postmaster import read_postmaster
from ml_assets.database.embedded.server import start_embedded
from ml_assets.database.orphaned_files import orphaned_files, remove_orphaned_files
from ml_assets.settings.shop import Settings
from ml_assets_tests.conftest import short_lived_home
from ml_assets_tests.contract.test_migrate import SHOP
from ml_assets_tests.releases.frames import release
from ml_assets_tests.releases.publishers import PUBLISHERS
from ml_assets_tests.releases.reading_crowd import Crowd, K, crowd, lists, make_anew, orphans
from ml_assets_tests.torture.outcome import Outcome
from ml_assets_tests.torture.shop import until

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'ml_assets%' AND pid <> pg_backend_pid()"


class Publishing:
    """A server with releases, readers on it, and a program that publishes when it is told to."""

    def __init__(self, settings: Settings, url: str, outcome: Outcome, parent: "subprocess.Popen[str]") -> None:
        self.settings, self.url, self.outcome, self.day = settings, url, outcome, 0
        self._moments, self._parent = random.Random(outcome.fault), parent

    @contextmanager
    def publisher(self) -> Iterator[int]:
        """A publisher of the next day, at work since a moment, for a `with` block that ends with it; its number."""
        self.day += 1
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        print(self.day, file=self._parent.stdin, flush=True)
        pid = int(self._parent.stdout.readline())
        time.sleep(self._moments.uniform(0, 0.4))
        yield pid
        self._parent.stdout.readline()

    def check_anew(self) -> None:
        """The next micro-batch is shown, and nothing of the killed one is left."""
        self.day += 1
        with connect(self.settings) as connection:
            state = make_anew(connection, self.day).state
            shown = connection.execute("SELECT DISTINCT item_id / 1000 FROM ml.recommendations").fetchall()
            if (state, shown) != ("shown", [(self.day,)]):
                self.outcome.wrong("hands", f"lists {self.day} are {state}, readers see {shown}")
            kept = "SELECT count(*) FROM ml_store.replaced_recommendations"
            noted = "SELECT sum(lists) FROM ml.rescorings WHERE state = 'shown'"
            # Each that was shown is in the book, with the lists that it took the place of.
            counts = [one(connection, query) for query in (kept, noted)]
            loose = [] if counts[0] == counts[1] else [f"{counts[0]} lists replaced, {counts[1]} noted"]
            if one(connection, "SELECT to_regclass('ml_store.rescored_recommendations') IS NOT NULL"):
                loose.append("rescored_recommendations")
            if loose:
                self.outcome.wrong("leftovers", loose, len(loose))

    def check(self) -> None:
        """A later day is published and shown, and nothing of the killed one is left."""
        self.day += 1
        with connect(self.settings) as connection:
            state = release(connection, lists(self.day), day=self.day, k=K).state
            shown = connection.execute("SELECT DISTINCT item_id / 1000 FROM ml.recommendations").fetchall()
            if (state, shown) != ("live", [(self.day,)]):
                self.outcome.wrong("hands", f"day {self.day} is {state}, readers see {shown}")
            loose = [name for names in orphans(connection) for name in names]
            if loose:
                self.outcome.wrong("leftovers", loose, len(loose))


@contextmanager
def _publishing(outcome: Outcome, *what: str) -> Iterator[tuple[Publishing, Crowd]]:
    with short_lived_home() as home:
        settings, url = Settings(home=home), start_embedded(home)
        with connect(settings) as connection:
            migrate(connection, **SHOP)
            release(connection, lists(0), k=K)
        command = [sys.executable, "-c", PUBLISHERS, url, *what]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with crowd(url) as seen, subprocess.Popen(command, text=True, **pipes) as parent:  # type: ignore[call-overload]
            yield Publishing(settings, url, outcome, parent), seen
            parent.stdin.close()
        _remove_orphans(settings, outcome)
        outcome.answers += seen.answers
        if seen.wrong:
            outcome.wrong("reader_errors", seen.wrong[:3], len(seen.wrong))


def _remove_orphans(settings: Settings, outcome: Outcome) -> None:
    """What crashes left in the folder of the server is found and goes, once it is old enough to be sure."""
    data, long_ago = settings.home.absolute() / "postgres", time.time() - 3600
    with connect(settings) as connection:
        for file in orphaned_files(connection, timedelta(seconds=-3600)) or ():
            os.utime(data / file.path, (long_ago, long_ago))
        remove_orphaned_files(connection, data)
        left = orphaned_files(connection, timedelta(seconds=-3600))
        if left:
            outcome.wrong("leftovers", left, len(left))


def _kill(outcome: Outcome, pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        outcome.kills += 1


def publisher_killed(tries: int) -> Outcome:
    """SIGKILL for the program that publishes, at any moment."""
    outcome = Outcome("publisher killed")
    with _publishing(outcome) as (work, _):
        for _ in range(tries):
            with outcome.attempt():
                with work.publisher() as pid:
                    _kill(outcome, pid)
                work.check()
    return outcome


def micro_batch_killed(tries: int) -> Outcome:
    """SIGKILL for the program that shows lists made anew inside the day, or for its server process, at any moment."""
    outcome = Outcome("micro-batch killed")
    with _publishing(outcome, "anew") as (work, seen):
        for number in range(tries):
            with outcome.attempt():
                is_server = number % 4 == 3
                with work.publisher() as pid:
                    if is_server:
                        _kill_backends(work, seen)
                    else:
                        _kill(outcome, pid)
                if is_server:
                    _answer_again(work, seen)
                work.check_anew()
    return outcome


def _kill_backends(work: Publishing, seen: Crowd) -> None:
    with psycopg.connect(work.url, autocommit=True) as other:
        pids = [int(pid) for (pid,) in other.execute(BACKENDS).fetchall()]
    seen.is_down = True
    for pid in pids:
        _kill(work.outcome, pid)


def connection_cut(tries: int) -> Outcome:
    """The server ends the session of the publisher, as an administrator or a proxy does."""
    outcome = Outcome("publisher's connection cut")
    with _publishing(outcome) as (work, _):
        for _ in range(tries):
            with outcome.attempt():
                with work.publisher(), psycopg.connect(work.url, autocommit=True) as other:
                    other.execute(f"SELECT pg_terminate_backend(pid) FROM ({BACKENDS}) AS b")
                work.check()
    return outcome


def backend_killed(tries: int) -> Outcome:
    """SIGKILL for the server process of the publisher: PostgreSQL recovers, and every session is cut."""
    outcome = Outcome("publisher's server process killed")
    with _publishing(outcome) as (work, seen):
        for _ in range(tries):
            with outcome.attempt():
                with work.publisher():
                    _kill_backends(work, seen)
                _answer_again(work, seen)
                work.check()
    return outcome


def postmaster_killed(tries: int) -> Outcome:
    """SIGKILL for the whole server while a day is published."""
    outcome = Outcome("server killed while publishing")
    with _publishing(outcome) as (work, seen):
        for _ in range(tries):
            with outcome.attempt():
                with work.publisher():
                    found = read_postmaster(work.settings.home.absolute() / "postgres")
                    assert found is not None
                    seen.is_down = True
                    _kill(outcome, found.pid)
                _answer_again(work, seen)
                work.check()
    return outcome


def _answer_again(work: Publishing, seen: Crowd) -> None:
    start_embedded(work.settings.home)
    answered = seen.answers
    until(lambda: seen.answers > answered + 50)
    seen.is_down = False
