"""Whose rights a transaction has.

Taking a role belongs here; what the roles may do is in `contract/roles.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Cursor, sql

from ml_assets.database.connection import ServingConnection


@contextmanager
def writing(connection: ServingConnection) -> Iterator[Cursor]:
    """A transaction with the writer's rights, and a cursor in it, for a `with` block."""
    with connection.transaction(), connection.cursor() as cursor:
        act_as_writer(connection)
        yield cursor


def act_as_writer(connection: ServingConnection) -> None:
    """For the rest of the transaction have the writer's rights only."""
    _act_as(connection, connection.schemas.writer)


def act_as_owner(connection: ServingConnection) -> None:
    """For the rest of the transaction have the owner's rights only, and let it own what is created."""
    _act_as(connection, connection.schemas.owner)


def become_owner(connection: ServingConnection) -> None:
    """The same for those who set the database up, before it is noted that there is an owner."""
    connection.execute(connection.schemas.sql("SET LOCAL ROLE {owner}"))


def has_owner(connection: ServingConnection) -> bool:
    """Whether the shop's objects have an owner of their own."""
    return _is_ready(connection, connection.schemas.owner)


def _act_as(connection: ServingConnection, role: str) -> None:
    """Where the role is not there, the connecting role goes on with its own rights."""
    if _is_ready(connection, role):
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))


def _is_ready(connection: ServingConnection, role: str) -> bool:
    query = connection.schemas.sql("SELECT ready FROM {meta}.roles WHERE role = %s")
    row = connection.execute(query, [role]).fetchone()
    return row is not None and bool(row[0])
