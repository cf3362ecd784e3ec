"""Rows of the contract, as pages take them."""

from typing import Any, LiteralString

from psycopg.rows import dict_row

from ml_assets.database.connection import ServingConnection


def rows_of(connection: ServingConnection, query: LiteralString, **values: object) -> list[dict[str, Any]]:
    """The answer of a query, a dictionary a row."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(connection.schemas.sql(query), values).fetchall()
