"""Who was erased: salted hashes of their ids, and the guard that keeps them away.

Noting and recognizing erased customers belongs here; erasing is in `ml_assets.erasure`. The salt never leaves
the database but in the memory of the program that compares.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import polars as pl

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing

StillAlone = Callable[[], object]
"""Raises where the lock was lost."""


@dataclass(frozen=True)
class Erased:
    """The hashes of all who were erased, and the salt behind them."""

    salt: bytes
    hashes: frozenset[bytes]

    def hash_of(self, customer: object) -> bytes:
        """The hash of an id, the same for 7 and '7'; as the database computes it."""
        return hashlib.sha256(self.salt + str(customer).encode()).digest()

    def among(self, customers: Iterable[object]) -> list[object]:
        """Those of some ids that were erased."""
        return [each for each in customers if each is not None and self.hash_of(each) in self.hashes]

    def without(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A frame without the rows of erased customers; the same object where there are none."""
        if not self.hashes or frame.is_empty():
            return frame
        found = self.among(frame["customer_id"].unique().to_list())
        return frame.filter(~pl.col("customer_id").is_in(found).fill_null(value=False)) if found else frame


def read_erased(connection: ServingConnection) -> Erased:
    """Everybody who was erased from this shop."""
    sql = connection.schemas.sql
    salt = one(connection, "SELECT salt FROM {meta}.erasure_salt")
    rows = connection.execute(sql("SELECT customer_hash FROM {meta}.erased_customers")).fetchall()
    return Erased(bytes(salt), frozenset(bytes(row[0]) for row in rows))


def note_erased(connection: ServingConnection, customer: int | str) -> bytes:
    """Keep the person from coming back, from this moment on; returns the hash."""
    digest = read_erased(connection).hash_of(customer)
    insert = "INSERT INTO {meta}.erased_customers (customer_hash) VALUES (%s) ON CONFLICT DO NOTHING"
    connection.execute(connection.schemas.sql(insert), [digest])
    return digest


@contextmanager
def erasure_waits(connection: ServingConnection) -> Iterator[None]:
    """Write files with customers in this block, without those erased until it began; others may write meanwhile."""
    with writing(connection) as cursor:
        _take_time(connection)
        with connection.waiting_for("for somebody to be erased"):
            cursor.execute(connection.schemas.sql("SELECT {meta}.hold_off_erasure()"))
        yield


@contextmanager
def nobody_writes(connection: ServingConnection) -> Iterator[StillAlone]:
    """Rewrite files with customers in this block, alone: whoever wrote before is done, whoever comes later waits.

    To be asked before a file is put in place: a server that was restarted meanwhile has let others in.
    """
    with connection.transaction():
        _take_time(connection)
        with connection.waiting_for("for a run to write its files"):
            connection.execute(connection.schemas.sql("LOCK TABLE {meta}.erased_customers IN SHARE ROW EXCLUSIVE MODE"))
        yield partial(connection.execute, "SELECT 1")


def _take_time(connection: ServingConnection) -> None:
    """Let a transaction wait for files."""
    connection.execute("SELECT set_config('idle_in_transaction_session_timeout', '0', true)")


def without_erased(connection: ServingConnection, frame: pl.DataFrame) -> pl.DataFrame:
    """A frame to publish without the rows of erased customers."""
    return read_erased(connection).without(frame) if "customer_id" in frame.columns else frame
