"""A process that writes into the benchmark's database without a pause while it is told to.

It publishes one day after the other, as `publish.py` does, or lets the server COPY the same rows from a file, which
needs no client, no index and no gates. What readers feel of it is measured elsewhere.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.publish import publish_day, server_copy, write_rows
from benchmarks.shop import FIRST_DAY, recommendations
from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas

# Writes a piece of work, numbered from 1.
Work = Callable[[int], object]
Open = Callable[[ServingConnection, int, Path], Work]
SECONDS_TO_ANSWER = 300


def publishing(connection: ServingConnection, customers: int, _home: Path) -> Work:
    """Release other lists on every later day."""
    frames = [recommendations(customers, turn) for turn in (0, 5)]
    return lambda number: publish_day(connection, frames[number % 2], FIRST_DAY + timedelta(days=number))


def copying(connection: ServingConnection, customers: int, home: Path) -> Work:
    """Have the server COPY the rows of a release from a file."""
    file = home / "written.bin"
    write_rows(recommendations(customers), file)
    return lambda _: server_copy(connection, file)


class Writer:
    """The process, which is idle until it is told."""

    def __init__(self, kind: Open, customers: int, url: str, home: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, kind, customers, url, home), daemon=True)
        self._process.start()
        self._wait()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work while the block runs; the last piece of work is finished before the block is left."""
        self._pipe.send("go")
        try:
            yield
        finally:
            self._pipe.send("stop")
            self._wait()

    def _wait(self) -> None:
        if not self._pipe.poll(SECONDS_TO_ANSWER):
            raise RuntimeError("The process that writes does not answer; look at what it printed.")
        self._pipe.recv()


def _serve(pipe: Connection, kind: Open, customers: int, url: str, home: Path) -> None:
    # The pipe ends when the benchmark does.
    with ServingConnection.open(url, Schemas()) as connection, suppress(EOFError):
        work, number = kind(connection, customers, home), count(1)
        pipe.send("ready")
        while True:
            pipe.recv()
            while not pipe.poll():
                work(next(number))
            pipe.recv()
            pipe.send("done")
