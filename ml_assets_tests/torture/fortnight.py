"""Fourteen days of a shop, on a clock that is set: late, corrected, empty and garbage deliveries, with cron and with
the daemon.

What was delivered in the end must be live in the end, whatever came in between, and readers never notice.
"""

import os
import random
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import psycopg

from ml_assets.database.embedded.server import stop_embedded
from ml_assets_tests.clocks import Clock, other_clock
from ml_assets_tests.conftest import short_lived_home
from ml_assets_tests.torture.outcome import Outcome
from ml_assets_tests.torture.readers import Watch, watching
from ml_assets_tests.torture.shop import UNFINISHED, Shop, until

# The lines of these days are those that `write_shop` makes; the fortnight is its last.
LAST = date(2024, 5, 31)
DAYS = [LAST - timedelta(days=number) for number in reversed(range(14))]
# In UTC: the schedule's, and two at which the sensor looks at what it did not do.
HOURS = (1, 2, 3, 5)
SECONDS_TO_BEGIN, SECONDS_FOR_AN_HOUR = 25, 300


@dataclass(frozen=True)
class Delivery:
    """What comes on the morning after a day."""

    files: dict[int, str] = field(default_factory=dict)
    """Number of a day, from 1 -> whole, more, empty, garbage or broken."""
    live: int | None = None
    """The day that readers see then; None: the same as before."""
    codes: tuple[int, ...] = (0, 2)
    """Exit codes of `ml-assets run` that are right; 2 may tell of drift, which these days have."""


LATE = (2,)
FORTNIGHT = (
    Delivery({1: "whole"}, live=1),
    Delivery({2: "whole"}, live=2),
    # The third is late by a day.
    Delivery(codes=LATE),
    Delivery({3: "whole", 4: "whole"}, live=4),
    Delivery({5: "whole"}, live=5),
    # The fourth is corrected.
    Delivery({6: "whole", 4: "more"}, live=6),
    Delivery({7: "empty"}, codes=LATE),
    Delivery({7: "whole", 8: "whole"}, live=8),
    Delivery({9: "garbage"}, codes=(1,)),
    Delivery({9: "whole", 10: "whole"}, live=10),
    # Most of its lines cannot be read.
    Delivery({11: "broken"}, codes=(1, 2)),
    Delivery({11: "whole", 12: "whole"}, live=12),
    Delivery({13: "whole", 12: "more", 2: "more"}, live=13),
    Delivery({14: "whole"}, live=14),
)


class Fortnight:
    """A shop that delivers a file a day, and its clock."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.shop = Shop(folder)
        # Segments of random purchases change by the week; gates that compare shares would rightly keep the old ones.
        with self.shop.config.open("a", encoding="utf-8") as settings:
            settings.write("serving: {gates: {judge_from: 100000}}\n")
        self._clock = clock
        self._events = folder / "events"
        self._lines = pl.read_parquet(self._events / "*.parquet")
        for path in self._events.iterdir():
            path.unlink()
        self._lines.filter(pl.col("sold_at").dt.date() < DAYS[0]).write_parquet(self._events / "history.parquet")
        self.shop.environment |= clock.environment

    def at(self, day: date, hour: int, minute: int = 30) -> None:
        """Set the clock to a time of the morning after a day."""
        moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) + timedelta(days=1)
        self._clock.set(moment - datetime.now(UTC))

    def deliver(self, number: int, kind: str) -> None:
        """Put the file of a day in its place, as a shop does: whole."""
        day = DAYS[number - 1]
        path, lines = self._events / f"{day}.parquet", self._lines.filter(pl.col("sold_at").dt.date() == day)
        with tempfile.TemporaryDirectory(dir=self.shop.folder) as folder:
            made = Path(folder) / path.name
            if kind == "garbage":
                made.write_bytes(random.Random(number).randbytes(4096))
            else:
                _made(lines, kind).write_parquet(made)
            made.rename(path)

    def live(self) -> set[date]:
        """The days that readers see, of all subjects."""
        query = "SELECT DISTINCT data_as_of FROM books_ml.releases WHERE state = 'live'"
        with suppress(psycopg.OperationalError):
            return {row[0] for row in self.shop.rows(query)}
        return set()

    def missing_lines(self) -> str | None:
        """How the lake differs from what was delivered in the end."""
        for delivered in sorted(self._events.glob("2024-*.parquet")):
            inside = self.shop.lake / "transactions" / delivered.name
            there = pl.read_parquet(inside).height if inside.exists() else 0
            if there != pl.read_parquet(delivered).height:
                return f"{delivered.stem}: {there} lines in the lake, {pl.read_parquet(delivered).height} delivered"
        return None


def _made(lines: pl.DataFrame, kind: str) -> pl.DataFrame:
    if kind == "more":
        return pl.concat([lines, lines.with_columns(receipt=pl.col("receipt") + "-2", isbn=pl.lit("i-003"))])
    if kind == "part":
        return lines.head(lines.height // 3)
    if kind == "empty":
        return lines.clear()
    if kind == "broken":
        return lines.with_columns(isbn=pl.lit(None, pl.String), copies=pl.lit(-(10**12)))
    return lines


@contextmanager
def _fortnight() -> Iterator[Fortnight]:
    with other_clock() as clock, short_lived_home() as folder:
        if clock is None:
            raise RuntimeError("no other clock can be set here (needs Linux and a C compiler)")
        made = Fortnight(folder, clock)
        try:
            yield made
        finally:
            stop_embedded(made.shop.home)


def with_cron(_: int) -> Outcome:
    """Nothing but `ml-assets run`, every morning."""
    outcome = Outcome("14 days of bad deliveries, with cron")
    with _fortnight() as work:
        _history(work)
        with watching(work.shop.url, work.shop.customers, outcome) as watch:
            shown = DAYS[0] - timedelta(days=1)
            for number, delivery in enumerate(FORTNIGHT, start=1):
                with outcome.attempt():
                    for day, kind in delivery.files.items():
                        work.deliver(day, kind)
                    work.at(DAYS[number - 1], 6)
                    done = work.shop.call("run")
                    if done.code not in delivery.codes or done.has_traceback:
                        outcome.wrong("hands", f"day {number}: exit {done.code}: {done.out[-800:]} {done.err[-1500:]}")
                    shown = DAYS[delivery.live - 1] if delivery.live else shown
                    if work.live() != {shown}:
                        outcome.notes.append(f"day {number} said: exit {done.code}: {done.out} {done.err}"[-5000:])
                    _check_day(work, outcome, number, shown)
        _check_end(work, outcome, watch)
    return outcome


def with_daemon(_: int) -> Outcome:
    """Nothing but `ml-assets ui`, whose schedules and sensors run; started anew whenever the clock is set.

    Dagster's code server takes a clock that jumps under it for silence of its parent, and ends.
    """
    outcome = Outcome("14 days of bad deliveries, with the daemon")
    with _fortnight() as work:
        _history(work)
        with watching(work.shop.url, work.shop.customers, outcome) as watch:
            shown = DAYS[0] - timedelta(days=1)
            for number, delivery in enumerate(FORTNIGHT, start=1):
                with outcome.attempt():
                    for day, kind in delivery.files.items():
                        work.deliver(day, kind)
                    shown = DAYS[delivery.live - 1] if delivery.live else shown
                    _pass_the_morning(work, DAYS[number - 1], lambda: work.live() == {shown})  # noqa: B023 called at once
                    _check_day(work, outcome, number, shown)
            with suppress(TimeoutError):
                _pass_the_morning(work, LAST + timedelta(days=1), lambda: work.missing_lines() is None)
        _check_end(work, outcome, watch)
    return outcome


def clock_ahead(_: int) -> Outcome:
    """The machine's clock is a day ahead for a morning, so that a day of which a part has come is taken as over."""
    outcome = Outcome("clock a day ahead, then right again")
    with _fortnight() as work:
        _history(work)
        with watching(work.shop.url, work.shop.customers, outcome) as watch:
            # What the clock says, what comes, and whether it is what readers see afterwards.
            steps: tuple[tuple[int, dict[int, str], int], ...] = (
                (1, {1: "whole"}, 1),
                (3, {2: "whole", 3: "part"}, 3),
                # Right again: the day that is live is not over yet.
                (2, {}, 3),
                (3, {3: "whole"}, 3),
                (4, {4: "whole"}, 4),
            )
            for clock, files, shown in steps:
                with outcome.attempt():
                    for day, kind in files.items():
                        work.deliver(day, kind)
                    work.at(DAYS[clock - 1], 6)
                    for command in (("run",), ("status",)):
                        done = work.shop.call(*command)
                        if done.code not in (0, 2) or done.has_traceback:
                            outcome.wrong("hands", f"{command} on {clock}: {done.out[-800:]} {done.err[-1500:]}")
                    _check_day(work, outcome, clock, DAYS[shown - 1])
        _check_end(work, outcome, watch)
    return outcome


def _history(work: Fortnight) -> None:
    """The shop as it was before: everything until then is live."""
    work.at(DAYS[0] - timedelta(days=1), 6)
    done = work.shop.call("run")
    assert done.code == 0, done.out + done.err


def _check_day(work: Fortnight, outcome: Outcome, number: int, shown: date) -> None:
    if (live := work.live()) != {shown}:
        outcome.wrong("hands", f"day {number}: readers see {live} instead of {shown}")


def _check_end(work: Fortnight, outcome: Outcome, watch: Watch) -> None:
    if wrong := work.missing_lines():
        outcome.wrong("hands", wrong)
    work.shop.count_leftovers(outcome)
    if watch.answers == 0:
        outcome.wrong("reader_errors", "nobody read")


def _pass_the_morning(work: Fortnight, day: date, is_done: Callable[[], bool]) -> None:
    """Move the clock through the morning after a day until something holds and nothing runs.

    Never while something runs: Dagster would take it for lost.
    """
    for hour in HOURS:
        work.at(day, hour, 5)
        with _ui(work):
            began = time.monotonic()
            while (took := time.monotonic() - began) < SECONDS_FOR_AN_HOUR:
                if took > SECONDS_TO_BEGIN and not work.shop.rows(UNFINISHED)[0][0]:
                    break
                time.sleep(1)
        if is_done():
            return


@contextmanager
def _ui(work: Fortnight) -> Iterator[None]:
    """`ml-assets ui` for a `with` block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = work.shop.start("ui", "--port", str(port))
    try:
        until(lambda: _answers(port) or process.poll() is not None, 180)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
