"""Applications that read a shop all the while, and what they must never see."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg

from ml_assets_tests.torture.outcome import Outcome

LISTS = (
    "SELECT release_id, data_as_of, placement, rank FROM books_ml.recommendations WHERE customer_id = %s ORDER BY 3, 4"
)
SEGMENT = "SELECT release_id, data_as_of, 'segment', 1 FROM books_ml.segment_assignments WHERE customer_id = %s"
POPULAR = "SELECT release_id, data_as_of, scope, rank FROM books_ml.popular_items WHERE scope = 'all' ORDER BY 3, 4"
SIMILAR = (
    "SELECT release_id, data_as_of, item_id, rank FROM books_ml.similar_items WHERE item_id = "
    "(SELECT min(item_id) FROM books_ml.similar_items) ORDER BY 3, 4"
)
KEEP_WRONG = 20


@dataclass
class Watch:
    """What readers saw."""

    answers: int = 0
    errors: int = 0
    wrong: list[str] = field(default_factory=list)
    """The first of what was wrong."""
    is_down: bool = False
    """Set around what ends the server: connections may be refused or cut then, answers may not be wrong."""
    may_go_back: bool = False
    """Set where an older day is shown on purpose."""
    newest: dict[str, date] = field(default_factory=dict)

    def judge(self, query: str, rows: list[tuple[Any, ...]]) -> None:
        """Note what a read returned: whole lists of one release, not older than what was seen before."""
        self.answers += 1
        if not rows:
            self.note(f"nothing: {query}")
            return
        ranks: dict[Any, list[int]] = {}
        for row in rows:
            ranks.setdefault(row[2], []).append(row[3])
        if len({row[0] for row in rows}) != 1:
            self.note(f"mixed releases: {rows}")
        if any(found != list(range(1, len(found) + 1)) for found in ranks.values()):
            self.note(f"gaps: {rows}")
        day = rows[0][1]
        if day < self.newest.get(query, day) and not self.may_go_back:
            self.note(f"back from {self.newest[query]} to {day}: {query}")
        self.newest[query] = day

    def note(self, what: str) -> None:
        """Count something wrong."""
        self.errors += 1
        if len(self.wrong) < KEEP_WRONG:
            self.wrong.append(what)


@contextmanager
def watching(url: str, customers: list[str], outcome: Outcome, *, readers: int = 2) -> Iterator[Watch]:
    """Readers on every published table, prepared and not, for a `with` block; what they saw goes into the outcome."""
    watch, stop = Watch(), threading.Event()

    def read(number: int) -> None:
        chance = random.Random(number)
        while not stop.is_set():
            was_down = watch.is_down
            try:
                with psycopg.connect(url, autocommit=True, prepare_threshold=0 if number % 2 else None) as connection:
                    while not stop.is_set():
                        was_down = watch.is_down
                        query = chance.choice((LISTS, LISTS, SEGMENT, POPULAR, SIMILAR))
                        given = [chance.choice(customers)] if "%s" in query else None
                        watch.judge(query, connection.execute(query, given).fetchall())
                        # Commands need the processors too.
                        time.sleep(0.002)
            except psycopg.OperationalError as error:
                # It may have come back while the answer was cut.
                if not (watch.is_down or was_down):
                    watch.note(f"{type(error).__name__}: {error}")
                time.sleep(0.02)
            except psycopg.Error as error:
                watch.note(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=read, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        outcome.answers += watch.answers
        if watch.errors:
            outcome.wrong("reader_errors", "; ".join(watch.wrong), watch.errors)
