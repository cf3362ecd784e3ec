"""One command at a time: a lock in the database that ends with its holder, however that ends.

What is done under the lock does not belong here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from psycopg import errors

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection, waited_too_long


@contextmanager
def one_at_a_time(connection: ServingConnection, what: str, longest: timedelta) -> Iterator[None]:
    """Hold the shop's lock on `what` for a `with` block; another holder is waited for, and named in the log.

    The lock belongs to the connection's session: a killed process or a restarted server sets it free. Raises
    `PassingError` where it is not free after `longest`.
    """
    name = f"{what} {connection.schemas.meta}"
    connection.limit_waits(longest)
    try:
        with connection.waiting_for("for another command that works on this shop"):
            connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
    except errors.LockNotAvailable:
        raise waited_too_long(connection, longest, "waiting.command") from None
    connection.limit_waits(connection.waits)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


@contextmanager
def if_free(connection: ServingConnection, what: str) -> Iterator[bool]:
    """Hold the same lock for a `with` block where nobody else does; whether it is held. Nobody is waited for."""
    name = f"{what} {connection.schemas.meta}"
    taken: bool = one(connection, "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
    try:
        yield taken
    finally:
        if taken and not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
