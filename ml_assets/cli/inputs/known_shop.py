"""The database of a shop, for commands that need what was published, and for those that must also work without.

Only finding out whether there is something to read belongs here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ml_assets.database.connection import ServingConnection, connect
from ml_assets.database.embedded.server import has_data
from ml_assets.erasure.unfinished import remove_unfinished
from ml_assets.errors import UserError
from ml_assets.releases.catalog import require_contract
from ml_assets.settings.shop import Settings


@contextmanager
def shop_database(settings: Settings) -> Iterator[ServingConnection]:
    """A connection where something was published, its contract brought up to date; raises `UserError` elsewhere.

    What killed commands left in the shop's files is removed.
    """
    if settings.database_url is None and not has_data(settings.home):
        raise UserError(
            f"There is no shop in {settings.home.absolute()}: nothing was ever computed there.",
            "Go to the folder of the shop, name its settings with --config, or run `ml-assets run` (or "
            "`ml-assets demo`) first.",
            code="database.not_set_up",
        )
    remove_unfinished(settings)
    with connect(settings) as connection:
        require_contract(connection)
        yield connection


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
