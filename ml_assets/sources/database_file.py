"""Events and items from a table of a SQLite or DuckDB file.

Opening such files belongs here; their columns are read as those of other files are (`files.py`), expressions in the
settings included. SQLite gives its columns no types, so that its values are read as texts, as from CSV; DuckDB's have
them.
"""

import importlib.util
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source
from upath import UPath

from ml_assets.errors import PassingError, UserError
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import DuckdbSource, FilesSource, SqliteSource
from ml_assets.sources.base import BLOCK_ROWS
from ml_assets.sources.files import Files
from ml_assets.sources.looked import LookedFiles
from ml_assets.sources.relations import is_query, parts_of
from ml_assets.sources.stamps import stamp_of

# For somebody who writes.
SECONDS = 300


class DatabaseFile(Files):
    """Events from a file with tables; see `DatabaseFileSource` for the settings."""

    events_setting = "source.table"

    def __init__(self, settings: Settings, source: SqliteSource | DuckdbSource, *, today: date) -> None:
        self._file = source
        shared = {name: getattr(source, name) for name in FilesSource.model_fields if name in type(source).model_fields}
        # Nothing is a CSV file here, whatever a table is called.
        files = FilesSource(**{**shared, "kind": "files", "events": source.table, "format": "parquet"})
        super().__init__(settings, files, today=today)
        self.kind = source.kind
        self.identity = f"{source.kind} {source.database} {source.table}"

    @cached_property
    def _mapped(self) -> LookedFiles:
        orders = (self._source.orders,) if self._source.orders else ()
        return MappedTables(self._file, self.event_paths, orders=orders, **self._about)

    def _paths(self, pattern: str, setting: str) -> list[str]:  # noqa: ARG002 one signature
        """The table, in place of files."""
        return [pattern]


class MappedTables(LookedFiles):
    """Tables with a mapping; a path is a table, view or query."""

    def __init__(self, file: SqliteSource | DuckdbSource, *about: Any, **more: Any) -> None:
        super().__init__(*about, **more)
        self._file = file

    def stamp(self, path: str, *, settled: bool = True) -> str | None:  # noqa: ARG002 one signature
        """That of the database; what was written beside it and not yet into it counts as well."""
        logs = [UPath(f"{self._file.database}{ending}") for ending in ("-wal", ".wal")]
        files = [UPath(self._file.database), *(log for log in logs if log.exists())]
        found = [stamp_of(file, settled=settled) for file in files]
        return None if None in found else f"{found}"

    def _is_slow(self, path: str) -> bool:  # noqa: ARG002 one signature
        """Values of SQLite are texts that come one by one."""
        return self._file.kind == "sqlite"

    def _open_table(self, path: str, source: FilesSource, wanted: Sequence[str]) -> pl.LazyFrame:  # noqa: ARG002 one signature
        return open_database_table(self._file.database, self._file.kind, path)


LISTED = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' "
    "ORDER BY name",
    "duckdb": "SELECT CASE table_schema WHEN 'main' THEN table_name ELSE table_schema || '.' || table_name END AS name "
    "FROM information_schema.tables WHERE table_catalog = current_database() ORDER BY name",
}


def tables_of(database: str, kind: str) -> list[str]:
    """The tables and views of a file, by name."""
    found = pl.concat(_reader(database, kind).rows(f"({LISTED[kind]}) AS listed", ["name"], "the list of tables"))
    return found["name"].to_list()


def open_database_table(database: str, kind: str, table: str) -> pl.LazyFrame:
    """A table, view or query of a file."""
    read = _reader(database, kind)
    text = table.strip().rstrip(";")
    inner = f"({text})" if is_query(text) else ".".join(map(_quoted, parts_of(text)))
    relation = f"{inner} AS source"
    return register_io_source(partial(_rows, read, relation, table), schema=read.schema(relation, table))


def _reader(database: str, kind: str) -> "_Sqlite | _Duckdb":
    return _Sqlite(database) if kind == "sqlite" else _Duckdb(database)


# Statements are made of what the shop's own settings say.
class _Sqlite:
    """Every value as text."""

    def __init__(self, database: str) -> None:
        self._database = database

    def schema(self, relation: str, table: str) -> pl.Schema:
        with self._asked(f"SELECT * FROM {relation} LIMIT 0", table) as cursor:  # noqa: S608
            return pl.Schema({column[0]: pl.String() for column in cursor.description})

    def rows(self, relation: str, columns: Sequence[str], table: str) -> Iterator[pl.DataFrame]:
        # Bytes are no text, whatever is in them.
        texts = ", ".join(
            f"CASE typeof({name}) WHEN 'blob' THEN hex({name}) ELSE CAST({name} AS TEXT) END"
            for name in map(_quoted, columns)
        )
        schema = pl.Schema(dict.fromkeys(columns, pl.String()))
        with self._asked(f"SELECT {texts} FROM {relation}", table) as cursor:  # noqa: S608
            while rows := cursor.fetchmany(BLOCK_ROWS // 10):
                yield pl.DataFrame(rows, schema=schema, orient="row")

    @contextmanager
    def _asked(self, statement: str, table: str) -> Iterator[sqlite3.Cursor]:
        _require(self._database)
        place = f"{Path(self._database).absolute().as_uri()}?mode=ro"
        try:
            # One thread at a time reads, though not always the one that opened.
            with closing(sqlite3.connect(place, uri=True, timeout=SECONDS, check_same_thread=False)) as connection:
                yield connection.execute(statement)
        except sqlite3.Error as error:
            raise _unreadable(self._database, table, error) from None


class _Duckdb:
    """Values of DuckDB's own types."""

    def __init__(self, database: str) -> None:
        if importlib.util.find_spec("duckdb") is None:
            raise UserError(
                "Reading DuckDB files takes a package that is not installed.",
                "Install it: pip install 'ml-assets[duckdb]'.",
                code="source.unreadable",
            )
        self._database = database

    def schema(self, relation: str, table: str) -> pl.Schema:
        with self._asked(f"SELECT * FROM {relation} LIMIT 0", table) as lines:  # noqa: S608
            return lines.collect_schema()

    def rows(self, relation: str, columns: Sequence[str], table: str) -> Iterator[pl.DataFrame]:
        with self._asked(f"SELECT {', '.join(map(_quoted, columns))} FROM {relation}", table) as lines:  # noqa: S608
            yield from lines.collect_batches(chunk_size=BLOCK_ROWS, engine="streaming")

    @contextmanager
    def _asked(self, statement: str, table: str) -> Iterator[pl.LazyFrame]:
        import duckdb  # noqa: PLC0415 of an extra

        _require(self._database)
        try:
            with closing(duckdb.connect(self._database, read_only=True)) as connection:
                # Nothing is fetched from the network, whatever a query names.
                connection.execute("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false")
                yield pl.scan_arrow_c_stream(connection.sql(statement))
        except duckdb.IOException as error:
            raise PassingError(
                f"{self._database} cannot be opened: {_first_line(error)}.",
                "DuckDB lets nobody read while somebody writes: close the other program, or read a copy.",
                code="source.unreadable",
            ) from None
        except duckdb.Error as error:
            raise _unreadable(self._database, table, error) from None


def _rows(  # noqa: PLR0917 the signature is Polars'
    read: _Sqlite | _Duckdb,
    relation: str,
    table: str,
    columns: list[str] | None,
    predicate: pl.Expr | None,
    n_rows: int | None,
    _: int | None,
) -> Iterator[pl.DataFrame]:
    """What Polars asks of a source of rows."""
    left = n_rows
    for block in read.rows(relation, columns if columns is not None else list(read.schema(relation, table)), table):
        part = block if left is None else block.head(left)
        left = None if left is None else left - part.height
        yield part if predicate is None else part.filter(predicate)
        if left == 0:
            return


def is_database(path: str) -> bool:
    """Whether there is a local file that begins as one of a database does."""
    try:
        with Path(path).open("rb") as file:
            return _kind(file.read(16)) is not None
    except OSError:
        return False


def _kind(start: bytes) -> str | None:
    if start.startswith(b"SQLite format 3"):
        return "sqlite"
    return "duckdb" if start[8:12] == b"DUCK" else None


def kind_of_database(path: str, setting: str = "source.database") -> str:
    """sqlite or duckdb, by the first bytes of a file; raises `UserError` where it is neither."""
    try:
        with Path(path).open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise UserError(
            f"{setting}: {path} cannot be opened: {error.strerror}.", "Check the path.", code="source.unreadable"
        ) from None
    if kind := _kind(start):
        return kind
    raise UserError(
        f"{setting}: {path} is neither a SQLite nor a DuckDB file.",
        "Name such a file, or read other files as source.kind: files.",
        code="source.unreadable",
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _require(database: str) -> None:
    if not Path(database).is_file():
        raise UserError(f"source.database: there is no file {database}.", "Check the path.", code="source.unreadable")


def _unreadable(database: str, table: str, error: Exception) -> UserError:
    return UserError(
        f"{database}: {table} cannot be read: {_first_line(error)}.",
        "Check source.database, and that it has the table of source.table.",
        code="source.unreadable",
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")
