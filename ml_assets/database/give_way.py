"""Changing tables that are being read: give way to readers, and try again.

Waiting rules for changes of the schema belong here. Whoever waits for an exclusive lock makes all later readers wait
behind it, and a reader who meets it in the other order is the one that PostgreSQL may choose to fail.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from psycopg import errors, sql

from ml_assets.database.connection import ServingConnection
from ml_assets.errors import PassingError

Result = TypeVar("Result")
SECONDS_IN_ALL = 120.0


@contextmanager
def changing(connection: ServingConnection) -> Iterator[None]:
    """One transaction that changes the schemas of the shop: alone among commands, and giving way to readers."""
    with connection.transaction():
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"migrate {connection.schemas.meta}"]
        )
        give_way(connection)
        yield


def give_way(connection: ServingConnection) -> None:
    """For the rest of the transaction wait for locks only half as long as readers wait until one of them must fail."""
    connection.execute(
        "SELECT set_config('lock_timeout', "
        "(extract(epoch FROM current_setting('deadlock_timeout')::interval) * 500)::integer::text, true)"
    )


def close_views(connection: ServingConnection) -> None:
    """For the rest of the transaction let no new reader into the views of the shop.

    Readers take a view before the tables behind it. Whoever changes both takes them in the same order, or both wait
    for each other. RESET of an option that is not set changes nothing, but takes the lock.
    """
    query = (
        "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname = ANY (%s) AND c.relkind = 'v' ORDER BY n.nspname, c.relname"
    )
    schemas = connection.schemas
    for schema, view in connection.execute(query, [[schemas.ml, schemas.meta]]).fetchall():
        connection.execute(sql.SQL("ALTER VIEW {} RESET (security_barrier)").format(sql.Identifier(schema, view)))


def until_there_is_room(change: Callable[[], Result]) -> Result:
    """Call a change that gives way, again and again until it is through.

    Raises `PassingError` when readers leave it no room for two minutes.
    """
    deadline = time.monotonic() + SECONDS_IN_ALL
    while True:
        try:
            return change()
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            if time.monotonic() > deadline:
                raise PassingError(
                    "The database cannot be changed: for two minutes there was always a query that reads it.",
                    "End long queries on the schema ml (pg_stat_activity shows them) and run the command again.",
                    code="database.busy",
                ) from None
            time.sleep(0.2)
