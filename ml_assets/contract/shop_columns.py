"""Columns of the shop's own tables that views read, and the owner's right to read them.

Views run with their owner's rights. What the views select is written in `shop_tables.py`.
"""

from collections.abc import Sequence

from psycopg import errors, sql

from ml_assets.database.connection import ServingConnection

TableName = tuple[str, str]
"""Schema and table."""


def columns_read(connection: ServingConnection) -> list[tuple[TableName, list[str]]]:
    """The tables outside the shop's schemas that its views read, with the columns."""
    query = """
        SELECT n.nspname, t.relname, array_agg(DISTINCT a.attname::text)
        FROM pg_catalog.pg_rewrite AS w
        JOIN pg_catalog.pg_class AS v ON v.oid = w.ev_class
        JOIN pg_catalog.pg_namespace AS o ON o.oid = v.relnamespace AND o.nspname = ANY (%(schemas)s)
        JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
            AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
        JOIN pg_catalog.pg_class AS t ON t.oid = d.refobjid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace AND n.nspname <> ALL (%(schemas)s)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
        WHERE n.nspname <> 'pg_catalog'
        GROUP BY 1, 2
    """
    schemas = connection.schemas
    rows = connection.execute(query, {"schemas": [schemas.ml, schemas.store, schemas.meta]}).fetchall()
    return [((schema, table), columns) for schema, table, columns in rows]


def let_owner_read(connection: ServingConnection, table: TableName, columns: Sequence[str]) -> str | None:
    """Grant the owner what it lacks to read some columns; what somebody else has to grant, or None."""
    if _owner_reads(connection, table, columns):
        return None
    owner, schema = sql.Identifier(connection.schemas.owner), sql.Identifier(table[0])
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    usage = sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, owner)
    select = sql.SQL("GRANT SELECT ({}) ON {} TO {}").format(names, sql.Identifier(*table), owner)
    for grant in (usage, select):
        try:
            with connection.transaction():
                connection.execute(grant)
        except errors.InsufficientPrivilege:
            continue
    if _owner_reads(connection, table, columns):
        return None
    return f"{usage.as_string(connection)}; {select.as_string(connection)}"


def _owner_reads(connection: ServingConnection, table: TableName, columns: Sequence[str]) -> bool:
    query = """
        SELECT has_schema_privilege(%(owner)s::name, %(schema)s::text, 'USAGE') AND (
            SELECT bool_and(has_column_privilege(%(owner)s::name, %(table)s::text, c, 'SELECT'))
            FROM unnest(%(columns)s::text[]) AS c
        )
    """
    names = {"owner": connection.schemas.owner, "schema": table[0], "columns": list(columns)}
    names["table"] = sql.Identifier(*table).as_string(connection)
    row = connection.execute(query, names).fetchone()
    return row is not None and bool(row[0])
