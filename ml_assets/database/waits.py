"""Who is waited for: statements that have taken long are looked at, and what holds them up is said.

Looking and telling belong here; how long a wait may last is set where a connection is opened. One thread per process
looks, because the one that waits cannot.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg

from ml_assets.database.search_path import look_nowhere_else

SECONDS_UNTIL_SAID = 5.0
SECONDS_UNTIL_SAID_AGAIN = 60.0
SECONDS_TO_ANSWER = 3
# A server that answers nobody for so long is given up, however long statements may take.
SECONDS_WITHOUT_ANSWER = 120.0
LOG = logging.getLogger("ml_assets.waiting")

# Those who hold the lock before those who only wait for it earlier.
HOLDERS = """
    SELECT a.pid, a.application_name, a.usename, coalesce(a.xact_start, a.backend_start),
        (SELECT min(relation::regclass::text) FROM pg_locks WHERE pid = %(waits)s AND NOT granted)
    FROM pg_stat_activity AS a
    WHERE a.pid = ANY (pg_blocking_pids(%(waits)s))
    ORDER BY cardinality(pg_blocking_pids(a.pid)) > 0, 4
    LIMIT 1
"""


@dataclass
class Statement:
    """A statement that the server has not answered yet."""

    url: str
    server_pid: int
    descriptor: int
    purpose: str | None
    """What the lock is for that it asks for, where that is all it does."""
    holder: str | None = None
    """Who held it up when it was last looked at."""
    began: float = field(default_factory=time.monotonic)
    look_at: float = 0.0

    def __post_init__(self) -> None:
        self.look_at = self.began + SECONDS_UNTIL_SAID


class _Watch:
    """The statements under way in this process, and the thread that looks at them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[int, Statement] = {}
        self._thread: threading.Thread | None = None

    def add(self, statement: Statement) -> None:
        with self._lock:
            self._under_way[id(statement)] = statement
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="ml_assets waits", daemon=True)
                self._thread.start()

    def remove(self, statement: Statement) -> None:
        with self._lock:
            self._under_way.pop(id(statement), None)

    def _look(self) -> None:
        while True:
            time.sleep(0.5)
            with self._lock:
                due = [one for one in self._under_way.values() if one.look_at <= time.monotonic()]
            for statement in due:
                statement.look_at = time.monotonic() + SECONDS_UNTIL_SAID_AGAIN
                self._say(statement)

    def _say(self, statement: Statement) -> None:
        """Tell who holds a statement up, where anybody does, or that the server answers nobody."""
        seconds = time.monotonic() - statement.began
        try:
            statement.holder = holder_of(statement.url, statement.server_pid)
        except psycopg.errors.ConnectionTimeout:
            LOG.warning("The database has not answered for %.0f s.", seconds)
            if seconds > SECONDS_WITHOUT_ANSWER:
                self._cut(statement)
            return
        except psycopg.Error:
            return  # It answers, and it is told to the one who waits.
        if statement.holder is not None and id(statement) in self._under_way:
            LOG.warning("Waiting %s: %s.", statement.purpose or "for the database", statement.holder)

    def _cut(self, statement: Statement) -> None:
        """End a connection under the one who waits on it; under the lock, so that its number is still its own."""
        with self._lock, suppress(OSError):
            if id(statement) in self._under_way:
                with socket.socket(fileno=os.dup(statement.descriptor)) as connected:
                    connected.shutdown(socket.SHUT_RDWR)


_watch = _Watch()


def _forget_parent() -> None:
    """In a forked child: its parent's statements are not its own, nor is there a thread."""
    global _watch  # noqa: PLW0603 one per process
    _watch = _Watch()


os.register_at_fork(after_in_child=_forget_parent)


@contextmanager
def watched(statement: Statement) -> Iterator[Statement]:
    """Have a statement looked at while it is under way in a `with` block."""
    _watch.add(statement)
    try:
        yield statement
    finally:
        _watch.remove(statement)


@contextmanager
def said_when_long(words: str) -> Iterator[None]:
    """Say what a `with` block is waiting for, where it takes long and cannot say so itself."""
    timer = threading.Timer(SECONDS_UNTIL_SAID, LOG.warning, ["Waiting %s.", words])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def holder_of(url: str, server_pid: int) -> str | None:
    """What holds up a session of the server, as half a sentence that names who, where and since when; None: nothing."""
    with psycopg.connect(url, autocommit=True, connect_timeout=SECONDS_TO_ANSWER, prepare_threshold=None) as connection:
        look_nowhere_else(connection)
        row = connection.execute(HOLDERS, {"waits": server_pid}).fetchone()
    if row is None:
        return None
    pid, program, user, since, table = row
    began = f", since {since.astimezone():%Y-%m-%d %H:%M:%S}" if since else ""
    holder = f"{program or 'a program without a name'} (session {pid} of {user or 'the server'}{began})"
    return f"{holder} holds the lock{f' on {table}' if table else ''}"
