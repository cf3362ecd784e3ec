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
# Rows of the catalogue that all shops of a database share, such as its rights, are not locked: whoever comes second to
# change one fails. The server's function says so in every language.
ROW_CHANGED_MEANWHILE = ("simple_heap_update", "simple_heap_delete")


@contextmanager
def changing(connection: ServingConnection) -> Iterator[None]:
    """One transaction that changes the schemas of the shop: alone among commands, and giving way to readers."""
    with connection.transaction():
        give_way(connection)
        # Whatever the role's search path: names in files of the contract mean PostgreSQL's own things.
        connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        record = sql.Identifier(connection.schemas.meta, "migrations").as_string(connection)
        there = connection.execute("SELECT pg_catalog.to_regclass(%s::text) IS NOT NULL", [record]).fetchone()
        if there and there[0]:
            # Readers cannot lock this table.
            connection.execute(connection.schemas.sql("LOCK TABLE {meta}.migrations IN SHARE ROW EXCLUSIVE MODE"))
        else:
            name = f"migrate {connection.schemas.meta}"
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
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


def until_there_is_room(connection: ServingConnection, change: Callable[[], Result]) -> Result:
    """Call a change that gives way, again and again until it is through.

    Raises `PassingError` that names who is in the way when there was no room for two minutes.
    """
    deadline = time.monotonic() + SECONDS_IN_ALL
    while True:
        try:
            return change()
        except (errors.LockNotAvailable, errors.DeadlockDetected, errors.InternalError_) as error:
            if isinstance(error, errors.InternalError_) and error.diag.source_function not in ROW_CHANGED_MEANWHILE:
                raise
            if time.monotonic() > deadline:
                raise PassingError(
                    "The database cannot be changed: for two minutes there was always somebody in the way"
                    f"{_names(connection)}.",
                    "End long queries on the schema ml (pg_stat_activity shows them) and run the command again.",
                    code="database.busy",
                ) from None
            time.sleep(0.2)


def _names(connection: ServingConnection) -> str:
    """The sessions that hold locks on the shop's schemas, or locks that anybody may take."""
    query = """
        SELECT DISTINCT a.pid, a.usename, a.application_name
        FROM pg_catalog.pg_locks AS l
        JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid AND a.datname = current_database()
        LEFT JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
        LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE l.granted AND a.pid <> pg_backend_pid() AND (l.locktype = 'advisory' OR n.nspname = ANY (%s))
        ORDER BY 1
        LIMIT 3
    """
    schemas = connection.schemas
    found = connection.execute(query, [[schemas.ml, schemas.store, schemas.meta]]).fetchall()
    words = [f"session {pid} of {user}{f' ({application})' if application else ''}" for pid, user, application in found]
    return f" ({', '.join(words)})" if words else ""
