"""Readers that never rest, and what they must never see; for tests of faults."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl
import psycopg

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.releases.rescore import Rescoring
from ml_assets_tests.releases.frames import recommendations
from ml_assets_tests.releases.rescored import rescore

CUSTOMERS = 1000
K = 3
LIST = "SELECT release_id, placement, rank, item_id FROM ml.recommendations WHERE customer_id = %s ORDER BY 2, 3"
TWO = """
    SELECT release_id, placement, rank, item_id FROM ml.recommendations
    WHERE customer_id = ANY (%s::bigint[]) ORDER BY customer_id, 2, 3
"""
FUNCTION = "SELECT release_id, 'for_you', rank, item_id FROM ml.recommend(%s, 'for_you', 3)"


def lists(day: int) -> pl.DataFrame:
    """Lists of every customer whose items tell the day: 1000 x day + 1 to 6."""
    return recommendations(range(CUSTOMERS), [1000 * day + place for place in range(1, 7)])


def make_anew(connection: ServingConnection, number: int) -> Rescoring:
    """Show the lists of a day in place of those of the live release, inside its day, of every customer at once."""
    live = one(connection, "SELECT release_id FROM ml_meta.live WHERE subject = 'recommendations'")
    items = [1000 * number + place for place in range(1, 7)]
    return rescore(connection, live, range(CUSTOMERS), items)


@dataclass
class Crowd:
    """What the readers saw so far."""

    answers: int = 0
    wrong: list[object] = field(default_factory=list)
    """Empty, short or mixed answers, and errors."""
    refused: int = 0
    """Connections refused or cut while the server was down."""
    is_down: bool = False
    """Set by a test around a stop of the server."""

    def judge(self, rows: list[tuple[int, str, int, int]], placements: int) -> None:
        """Note what a read returned."""
        self.answers += 1
        ranks = [row[2] for row in rows]
        days = {row[3] // 1000 for row in rows}
        if len({row[0] for row in rows}) != 1 or len(days) != 1 or ranks != list(range(1, K + 1)) * placements:
            self.wrong.append(rows)


@contextmanager
def crowd(url: str, readers: int = 4) -> Iterator[Crowd]:
    """Readers on all ways of reading, prepared and not, for a `with` block."""
    seen, stop = Crowd(), threading.Event()

    def read(number: int) -> None:
        random_customer = random.Random(number)
        while not stop.is_set():
            try:
                with psycopg.connect(url, autocommit=True, prepare_threshold=0 if number % 2 else None) as connection:
                    while not stop.is_set():
                        customer = random_customer.randrange(CUSTOMERS)
                        query, placements = {2: (FUNCTION, 1), 3: (TWO, 4)}.get(number, (LIST, 2))
                        given = [customer, (customer + CUSTOMERS // 2) % CUSTOMERS] if number == 3 else customer
                        seen.judge(connection.execute(query, [given]).fetchall(), placements)
            except psycopg.OperationalError as error:
                if not seen.is_down:
                    seen.wrong.append(error)
                seen.refused += 1
                time.sleep(0.02)
            except psycopg.Error as error:
                seen.wrong.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def orphans(connection: ServingConnection) -> tuple[set[str], set[str]]:
    """Partitions without a release, and releases without their partition; both empty when all is well."""
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'ml_store'::regnamespace AND relkind = 'r' "
        "AND relname ~ '_[0-9]+$'"
    ).fetchall()
    known = connection.execute(
        "SELECT subject || '_' || release_id FROM ml_meta.releases WHERE dropped_at IS NULL"
    ).fetchall()
    attached = connection.execute("SELECT inhrelid::regclass::text FROM pg_inherits").fetchall()
    there = {row[0] for row in tables}
    expected = {row[0] for row in known}
    loose = there - {row[0].removeprefix("ml_store.") for row in attached}
    return (there - expected) | loose, expected - there
