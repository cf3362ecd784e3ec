"""Who was erased: salted hashes of their ids, and the guard that keeps them away.

Noting and recognizing erased customers belongs here; erasing is in `ml_assets.erasure`. The salt never leaves the
database, which compares by itself: whoever loads and publishes may not read it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import polars as pl

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import act_as_owner, writing

StillAlone = Callable[[], object]
"""Raises where the lock was lost."""

# Asked at once.
CUSTOMERS_AT_ONCE = 200_000


def note_erased(connection: ServingConnection, customer: int | str) -> bytes:
    """Keep the person from coming back, from this moment on; returns the hash of the salt and the id."""
    insert = """
        INSERT INTO {meta}.erased_customers (customer_hash) VALUES ({meta}.hash_of_customer(%s)) ON CONFLICT DO NOTHING
    """
    with connection.transaction():
        act_as_owner(connection)
        connection.execute(connection.schemas.sql(insert), [str(customer)])
        return bytes(one(connection, "SELECT {meta}.hash_of_customer(%s)", [str(customer)]))


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
        act_as_owner(connection)
        _take_time(connection)
        with connection.waiting_for("for a run to write its files"):
            connection.execute(connection.schemas.sql("LOCK TABLE {meta}.erased_customers IN SHARE ROW EXCLUSIVE MODE"))
        yield partial(connection.execute, "SELECT 1")


def _take_time(connection: ServingConnection) -> None:
    """Let a transaction wait for files."""
    connection.execute("SELECT set_config('idle_in_transaction_session_timeout', '0', true)")


def without_erased(connection: ServingConnection, frame: pl.DataFrame) -> pl.DataFrame:
    """A frame without the rows of erased customers; the same object where there are none, or no customers."""
    if "customer_id" not in frame.columns or frame.is_empty():
        return frame
    if not one(connection, "SELECT EXISTS (SELECT FROM {meta}.erased_customers)"):
        return frame
    found: list[str] = []
    customers = frame["customer_id"].drop_nulls().unique().cast(pl.String)
    for start in range(0, len(customers), CUSTOMERS_AT_ONCE):
        part = customers.slice(start, CUSTOMERS_AT_ONCE).to_list()
        query = connection.schemas.sql("SELECT * FROM {meta}.erased_among(%s)")
        found += [customer for (customer,) in connection.execute(query, [part]).fetchall()]
    if not found:
        return frame
    return frame.filter(~pl.col("customer_id").cast(pl.String).is_in(found).fill_null(value=False))
