"""Asking the database for what there is exactly one of: a value, a row, the types of the shop's ids.

Only such questions belong here; what is asked stands with those who ask.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from ml_assets.database.connection import ServingConnection
from ml_assets.ids import IdTypes

Values = Sequence[object] | Mapping[str, object]


def one(connection: ServingConnection, query: sql.Composed, values: Values | None = None) -> Any:
    """The first value of the only row of a query."""
    return one_row(connection, query, values)[0]


def one_row(connection: ServingConnection, query: sql.Composed, values: Values | None = None) -> tuple[Any, ...]:
    """The only row of a query; raises `LookupError` where there is none."""
    row = connection.execute(query, values).fetchone()
    if row is None:
        raise LookupError(f"No row: {query.as_string(connection)}")
    return row


def id_types(connection: ServingConnection) -> IdTypes:
    """What the shop's ids are."""
    query = connection.schemas.sql("SELECT customer_id_type, item_id_type FROM {meta}.shop")
    return IdTypes(*one_row(connection, query))
