"""One command at a time: a lock in the database that ends with its holder, however that ends.

What is done under the lock does not belong here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ml_assets.database.connection import ServingConnection


@contextmanager
def one_at_a_time(connection: ServingConnection, what: str, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the shop's lock on `what` for a `with` block; call `on_wait` once where another command holds it.

    The lock belongs to the connection's session: a killed process or a restarted server sets it free.
    """
    name = f"{what} {connection.schemas.meta}"
    taken = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name]).fetchone()
    if taken is None or not taken[0]:
        on_wait()
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
