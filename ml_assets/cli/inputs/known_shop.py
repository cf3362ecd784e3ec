"""The database of a shop for commands that must also work where nothing was ever published.

Only finding out whether there is something to read belongs here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ml_assets.database.connection import ServingConnection, connect
from ml_assets.database.embedded.server import has_data
from ml_assets.settings.shop import Settings


@contextmanager
def where_known(settings: Settings, table: str, column: str) -> Iterator[ServingConnection | None]:
    """A connection where the book-keeping has a column, else None; starts no server that was never set up."""
    if settings.database_url is None and not has_data(settings.home):
        yield None
        return
    with connect(settings) as connection:
        query = "SELECT 1 FROM information_schema.columns WHERE (table_schema, table_name, column_name) = (%s, %s, %s)"
        there = connection.execute(query, [connection.schemas.meta, table, column]).fetchone()
        yield connection if there else None
