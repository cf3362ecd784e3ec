"""Whose rights a transaction has.

Taking a role belongs here; what the roles may do is in `contract/roles.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Cursor

from ml_assets.database.connection import ServingConnection


@contextmanager
def writing(connection: ServingConnection) -> Iterator[Cursor]:
    """A transaction with the writer's rights, and a cursor in it, for a `with` block."""
    with connection.transaction(), connection.cursor() as cursor:
        act_as_writer(connection)
        yield cursor


def act_as_writer(connection: ServingConnection) -> None:
    """For the rest of the transaction have the writer's rights only, and let it own what is created."""
    schemas = connection.schemas
    row = connection.execute(schemas.sql("SELECT ready FROM {meta}.roles WHERE role = %s"), [schemas.writer]).fetchone()
    if row is not None and row[0]:
        connection.execute(schemas.sql("SET LOCAL ROLE {writer}"))
