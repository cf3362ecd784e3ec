"""What the settings say about reading, taken over into the database: placements, and tables of the shop itself.

The rules are rows that merchandisers edit (`exchange/rules.py`); how views obey them is in `views/` and `functions/`.
"""

from psycopg import errors, sql

from ml_assets.contract.objects import sync_objects
from ml_assets.contract.order import delivered_objects
from ml_assets.contract.shop_columns import TableName, let_owner_read
from ml_assets.database.ask import id_types
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import has_owner, writing
from ml_assets.errors import UserError
from ml_assets.settings.serving import AvailabilitySettings, PurchaseSettings, ServingSettings


def sync_reading(connection: ServingConnection, settings: ServingSettings) -> None:
    """Take over the behaviour of placements and the shop's own tables; does nothing where all is as it was.

    Raises `UserError` where a table of the shop, a column or the right to read it is missing.
    """
    upsert = (
        "INSERT INTO {meta}.placements AS p (placement, on_stale, repeat_after) VALUES (%s, %s, %s) "
        "ON CONFLICT (placement) DO UPDATE SET on_stale = excluded.on_stale, repeat_after = excluded.repeat_after "
        "WHERE (p.on_stale, p.repeat_after) IS DISTINCT FROM (excluded.on_stale, excluded.repeat_after)"
    )
    with writing(connection) as cursor:
        rows = [(name, rule.on_stale, rule.repeat_after) for name, rule in settings.placements]
        cursor.executemany(connection.schemas.sql(upsert), rows)
    mapped = {
        "unavailable_in_the_shop": _unavailable(connection, settings.availability),
        "bought_in_the_shop": _bought(connection, settings.purchases),
    }
    ids = id_types(connection)
    types = {"customer_id_type": ids.customer, "item_id_type": ids.item}
    try:
        sync_objects(connection, types, mapped, delivered_objects())
    except errors.InsufficientPrivilege as error:
        raise UserError(
            f"The database role {connection.info.user} may not define the views of {connection.schemas.meta}: "
            f"{error.diag.message_primary}.",
            "Run `ml-assets run` or `ml-assets status` once as the owner of the schemas, who must be able to read the "
            "shop's table.",
            code="database.rights",
        ) from error


def _unavailable(connection: ServingConnection, mapped: AvailabilitySettings | None) -> str:
    """What `views/hidden_items.sql` reads of the shop's own table; nothing where none is mapped."""
    if mapped is None:
        return ""
    columns = _Columns(connection, "serving.availability", mapped.table, [mapped.item, mapped.available])
    columns.let_owner_read()
    gone = {"B": "NOT s.{column}", "N": "s.{column} <= 0"}.get(columns.category(mapped.available))
    if gone is None:
        raise UserError(
            f"serving.availability: the column {mapped.available} of {mapped.table} is neither boolean nor a number.",
            "Name a column that is true or false, or a stock.",
        )
    part = sql.SQL(
        "UNION ALL SELECT {item}, NULL::text, '-infinity'::timestamptz, 'infinity'::timestamptz FROM {table} AS s "
        "WHERE s.{raw} IS NOT NULL AND {gone}"
    ).format(
        item=columns.as_id(mapped.item, "item_id_type"),
        raw=sql.Identifier(mapped.item),
        table=columns.table,
        gone=sql.SQL(gone).format(column=sql.Identifier(mapped.available)),
    )
    return part.as_string(connection)


def _bought(connection: ServingConnection, mapped: PurchaseSettings | None) -> str:
    """What `views/recent_purchases.sql` reads of the shop's own table; nothing where none is mapped."""
    if mapped is None:
        return ""
    names = [mapped.customer, mapped.item, mapped.time]
    columns = _Columns(connection, "serving.purchases", mapped.table, names)
    columns.let_owner_read()
    if columns.category(mapped.time) != "D":
        raise UserError(
            f"serving.purchases: the column {mapped.time} of {mapped.table} is no time.", "Name a timestamptz column."
        )
    part = sql.SQL(
        "UNION ALL SELECT {customer}, {item}, s.{time}::timestamptz FROM {table} AS s WHERE s.{raw} IS NOT NULL"
    ).format(
        customer=columns.as_id(mapped.customer, "customer_id_type"),
        item=columns.as_id(mapped.item, "item_id_type"),
        raw=sql.Identifier(mapped.item),
        time=sql.Identifier(mapped.time),
        table=columns.table,
    )
    return part.as_string(connection)


class _Columns:
    """The columns of a table of the shop, and their types."""

    def __init__(self, connection: ServingConnection, key: str, table: str, names: list[str]) -> None:
        self._connection, self._key, self._table, self._names = connection, key, table, names
        self._place = _find(connection, table)
        if self._place is None:
            raise UserError(f"{key}.table: the database has no table {table}.", "Write it as schema.table.")
        self.table = sql.Identifier(*self._place)
        query = (
            "SELECT a.attname, format_type(a.atttypid, NULL), t.typcategory FROM pg_attribute AS a "
            "JOIN pg_type AS t ON t.oid = a.atttypid WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 "
            "AND NOT a.attisdropped"
        )
        rows = connection.execute(query, [self.table.as_string(connection)]).fetchall()
        self._types = {name: (kind, category) for name, kind, category in rows}
        if missing := [name for name in names if name not in self._types]:
            raise UserError(
                f"{key}: {table} has no column {', '.join(missing)}.", f"It has {', '.join(sorted(self._types))}."
            )
        ids = id_types(connection)
        self._ids = {"customer_id_type": ids.customer, "item_id_type": ids.item}

    def let_owner_read(self) -> None:
        """Views run as their owner; raises `UserError` where nobody here may let it read the columns."""
        if self._place is None or not has_owner(self._connection):
            return
        if grants := let_owner_read(self._connection, self._place, self._names):
            raise UserError(
                f"{self._key}: the role {self._connection.schemas.owner}, with whose rights views read, may not read "
                f"{self._table}, and {self._connection.info.user} may not grant it.",
                f"As the owner of the table: {grants}",
                code="database.rights",
            )

    def category(self, name: str) -> str:
        """PostgreSQL's category of a type: B boolean, N number, D time, S text."""
        return str(self._types[name][1])

    def as_id(self, name: str, kind: str) -> sql.Composed:
        """The column as an id of the shop's type, cast only where it has another one (which costs its index)."""
        wanted, (found, category) = self._ids[kind], self._types[name]
        if wanted == "bigint" and category != "N":
            raise UserError(
                f"{self._key}: the column {name} of {self._table} is {found}, but the shop's ids are integers.",
                "Name the column that holds the shop's own ids.",
            )
        cast = "s.{name}" if found == wanted else "s.{name}::{kind}"
        return sql.SQL(cast).format(name=sql.Identifier(name), kind=sql.SQL(wanted))


def _find(connection: ServingConnection, name: str) -> TableName | None:
    """Schema and table; a name without a schema is looked for where the connecting role usually looks."""
    query = (
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n "
        "ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass(%s::text)"
    )
    with connection.transaction():
        connection.execute("SET LOCAL search_path TO DEFAULT")
        row = connection.execute(query, [sql.Identifier(*name.split(".")).as_string(connection)]).fetchone()
    return None if row is None else (row[0], row[1])
