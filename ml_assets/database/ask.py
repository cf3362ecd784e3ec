"""Asking the database for what there is exactly one of: a value, a row, the types of the shop's ids.

Only such questions belong here; what is asked stands with those who ask.
"""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg import sql

from ml_assets.database.connection import ServingConnection
from ml_assets.database.faults import changed_by_hand
from ml_assets.ids import IdTypes

Query = LiteralString | sql.Composed
"""A text names the schemas as `Schemas.sql` does."""
Values = Sequence[object] | Mapping[str, object]


def one(connection: ServingConnection, query: Query, values: Values | None = None) -> Any:
    """The first value of the only row of a query."""
    return one_row(connection, query, values)[0]


def one_row(connection: ServingConnection, query: Query, values: Values | None = None) -> tuple[Any, ...]:
    """The only row of a query; raises `UserError` where there is none, although there always is one."""
    filled = query if isinstance(query, sql.Composed) else connection.schemas.sql(query)
    row = connection.execute(filled, values).fetchone()
    if row is None:
        raise changed_by_hand(f"there is no row for {' '.join(filled.as_string(connection).split())}")
    return row


def id_types(connection: ServingConnection) -> IdTypes:
    """What the shop's ids are."""
    return IdTypes(*one_row(connection, "SELECT customer_id_type, item_id_type FROM {meta}.shop"))
