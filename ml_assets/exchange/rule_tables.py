"""The tables of rules, purchases and opt-outs: filled from rows that were judged, and listed.

Judging rows is in `rules.py`; what the rules do is in the views of the contract.
"""

from collections.abc import Iterable
from typing import Any, Literal

from psycopg import errors, sql
from psycopg.rows import dict_row

from ml_assets.database.ask import one_row
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.exchange.rules import TABLES
from ml_assets.segments import PROSPECTS

# What stands in an empty cell: rules without dates are always in force, purchases without a time are of now.
EMPTY = {"valid_from": "-infinity", "valid_until": "infinity", "bought_at": "now"}


def import_rules(
    connection: ServingConnection, table: str, rows: Iterable[dict[str, object]], *, mode: Literal["add", "replace"]
) -> int:
    """Write rows that `read_rules` returned, in one transaction; `replace` removes those that were there before.

    Returns how many rows the table gained; rows that are already there are not doubled.
    """
    wanted = TABLES[table]
    parts = {
        "table": sql.Identifier(wanted.name),
        "columns": sql.SQL(", ").join(map(sql.Identifier, wanted.columns)),
    }
    try:
        with connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 0")
            if mode == "replace":
                connection.execute(connection.schemas.sql("DELETE FROM {meta}.{table}", **parts))
            incoming = """
                CREATE TEMP TABLE ml_assets_incoming ON COMMIT DROP AS
                SELECT {columns} FROM {meta}.{table} WITH NO DATA
                """
            connection.execute(connection.schemas.sql(incoming, **parts))
            with connection.cursor().copy("COPY ml_assets_incoming FROM STDIN") as copy:
                for row in rows:
                    cells = ((column, row.get(column)) for column in wanted.columns)
                    copy.write_row([EMPTY.get(column) if cell is None else cell for column, cell in cells])
            # A customer who opted out does so once, whatever the note says.
            added = """
                INSERT INTO {meta}.{table} ({columns})
                SELECT {columns} FROM ml_assets_incoming EXCEPT SELECT {columns} FROM {meta}.{table}
                ON CONFLICT DO NOTHING
                """
            return connection.execute(connection.schemas.sql(added, **parts)).rowcount
    except errors.InsufficientPrivilege as error:
        raise UserError(
            f"The database role {connection.info.user} may not edit {connection.schemas.meta}.{wanted.name}.",
            f"GRANT {connection.schemas.merchandiser} TO {connection.info.user}",
            code="database.rights",
        ) from error


def unknown_things(connection: ServingConnection, rows: Iterable[dict[str, object]]) -> list[str]:
    """Items, categories, brands and segments of rules that nobody knows now, as words; they may still be to come."""
    rows = list(rows)
    found = []
    for column, singular in (("item_id", "item"), ("category", "category"), ("brand", "brand")):
        named = list(dict.fromkeys(row[column] for row in rows if row.get(column) is not None))
        query = connection.schemas.sql(
            "SELECT DISTINCT {c} FROM {store}.items WHERE {c} = ANY (%s)", c=sql.Identifier(column)
        )
        known = {value for (value,) in connection.execute(query, [named]).fetchall()} if named else set()
        found += [f"{singular} {value}" for value in named if value not in known]
    segments = list(dict.fromkeys(row["segment_key"] for row in rows if row.get("segment_key") is not None))
    live = {key for (key,) in connection.execute(connection.schemas.sql("SELECT segment_key FROM {ml}.segments"))}
    return found + [f"segment {key}" for key in segments if key not in live | {PROSPECTS}]


def rules_to_come(connection: ServingConnection) -> list[dict[str, Any]]:
    """The rules that are in force, or will be, with the names of their items; null for dates without end."""
    query = """
        SELECT rule_id, kind, item_id, item_name, r.category, r.brand, placement, segment_key, value,
            nullif(valid_from, '-infinity') AS valid_from, nullif(valid_until, 'infinity') AS valid_until,
            note, noted_by, now() >= valid_from AS in_force
        FROM {meta}.rules AS r LEFT JOIN {store}.items USING (item_id)
        WHERE valid_until > now()
        ORDER BY kind, rule_id
        """
    return connection.cursor(row_factory=dict_row).execute(connection.schemas.sql(query)).fetchall()


def count_customers(connection: ServingConnection) -> tuple[int, int]:
    """How many customers opted out, and how many purchases are noted."""
    query = """
        SELECT (
            SELECT count(*)
            FROM (SELECT customer_id FROM {meta}.opt_outs UNION SELECT customer_id FROM {meta}.opt_outs_of_shop) AS o
        ), (SELECT count(*) FROM {meta}.purchases)
        """
    opted_out, purchases = one_row(connection, query)
    return opted_out, purchases
