"""The tables of a shop's PostgreSQL: which there are, which may be read, and rows of them.

Only asking belongs here; what they mean is guessed in `sources/guess/`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import polars as pl
from psycopg import conninfo, sql

from ml_assets.settings.source import PostgresSource
from ml_assets.sources.postgres.connection import ShopDatabase
from ml_assets.sources.postgres.query import FLOATS, INTEGERS, NUMBERS, TEXTS, TIMES, Sql, relation
from ml_assets.sources.relations import parts_of

PATIENCE = timedelta(minutes=2)
# What is ml_assets' own, Dagster's and the system's.
OTHERS = r"^(pg_.*|information_schema|(.*_)?ml(_store|_meta)?|(.*_)?dagster)$"
LISTED = """
SELECT n.nspname, c.relname, greatest(c.reltuples, 0)::bigint, c.relkind IN ('v', 'f'),
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
       array(SELECT a.attname::text FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0
             AND NOT a.attisdropped ORDER BY a.attnum)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND n.nspname !~ {others}
ORDER BY 1, 2
"""
INDEXED = """
SELECT EXISTS (SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
               WHERE i.indrelid = to_regclass({table}) AND a.attname = {column})
"""
REFERRED = """
SELECT a.attname::text, n.nspname, c.relname
FROM pg_constraint AS k
JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
JOIN pg_class AS c ON c.oid = k.confrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conrelid = to_regclass({table})
ORDER BY 1
"""


@dataclass(frozen=True)
class Listed:
    """A table or view of the database."""

    name: str
    """With its schema, but for `public`, as settings write it."""
    rows: int
    """As the planner guesses."""
    is_view: bool
    may_read: bool
    columns: list[str]

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.name} ({'a view' if self.is_view else f'about {self.rows:,} lines'})"


class ShopTables:
    """The database at an address; raises `UserError` where it cannot be asked."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._sessions: dict[str, ShopDatabase] = {}

    @cached_property
    def listed(self) -> list[Listed]:
        """All tables and views that may be the shop's, by name."""
        rows = self._session("pg_class").rows(sql.SQL(LISTED).format(others=sql.Literal(OTHERS)))
        return [Listed(_named(schema, name), *rest) for schema, name, *rest in rows]

    @cached_property
    def role(self) -> str:
        """Who asks."""
        return str(self._session("pg_class").rows(sql.SQL("SELECT current_user"))[0][0])

    def types(self, name: str) -> dict[str, str]:
        """Columns of a table, view or query with their types."""
        return self._session(name).types(sql.SQL("SELECT * FROM {}").format(relation(name)))

    def sample(self, name: str, lines: int) -> pl.DataFrame:
        """Some rows, of types that every reader knows."""
        return self._session(name).frame(self._rows(name) + sql.SQL(" LIMIT {}").format(sql.Literal(lines)))

    def with_values(self, name: str, column: str, values: pl.Series) -> pl.DataFrame:
        """The rows that have one of some values in a column, as text."""
        wanted = sql.SQL(", ").join(map(sql.Literal, values.to_list() or [None]))
        condition = sql.SQL(" WHERE {}::text IN ({})").format(sql.Identifier(column), wanted)
        return self._session(name).frame(self._rows(name) + condition)

    def _rows(self, name: str) -> sql.Composed:
        asked = [
            sql.SQL("{}{} AS {}").format(sql.Identifier(column), _cast(kind), sql.Identifier(column))
            for column, kind in self.types(name).items()
            if kind != "bytea"
        ]
        return sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(asked), relation(name))

    def lacks_index(self, table: str, column: str) -> bool:
        """Whether no index of a table begins with a column; of a view nothing is said."""
        if any(one.name == table and one.is_view for one in self.listed):
            return False
        query = sql.SQL(INDEXED).format(table=sql.Literal(_in_quotes(table)), column=sql.Literal(column))
        return not self._session(table).rows(query)[0][0]

    def referred(self, table: str) -> dict[str, str]:
        """The tables that columns of a table refer to by foreign keys, readable or not, by column."""
        query = sql.SQL(REFERRED).format(table=sql.Literal(_in_quotes(table)))
        return {column: _named(schema, name) for column, schema, name in self._session(table).rows(query)}

    def tables_of(self, query: str) -> list[str]:
        """The tables that a query reads, as its plan has them."""
        statement = sql.SQL("EXPLAIN (VERBOSE, FORMAT JSON) SELECT * FROM {}").format(relation(query))
        ((plan,),) = self._session(query).rows(statement)
        return list(dict.fromkeys(_scanned(plan)))

    @property
    def address(self) -> str:
        """The address without its password."""
        parts = conninfo.conninfo_to_dict(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", self._url))
        user = f"{parts['user']}@" if parts.get("user") else ""
        port = f":{parts['port']}" if parts.get("port") else ""
        return f"postgresql://{user}{parts.get('host') or ''}{port}/{parts.get('dbname') or ''}"

    def _session(self, name: str) -> ShopDatabase:
        if name not in self._sessions:
            about = {"kind": "postgres", "table": name, "url": self._url, "statement_timeout": PATIENCE}
            self._sessions[name] = ShopDatabase(PostgresSource.model_validate(about), None)
        return self._sessions[name]


def _named(schema: str, name: str) -> str:
    return name if schema == "public" else f"{schema}.{name}"


def _in_quotes(table: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts_of(table))


def _cast(kind: str) -> Sql:
    if kind in (*INTEGERS, *FLOATS, *TEXTS, *TIMES, "bool"):
        return sql.SQL("")
    return sql.SQL("::double precision") if kind in NUMBERS else sql.SQL("::text")


def _scanned(plan: object) -> Iterator[str]:
    if isinstance(plan, list):
        for part in plan:
            yield from _scanned(part)
    elif isinstance(plan, dict):
        if "Relation Name" in plan and "Schema" in plan:
            yield _named(plan["Schema"], plan["Relation Name"])
        for part in plan.values():
            yield from _scanned(part)
