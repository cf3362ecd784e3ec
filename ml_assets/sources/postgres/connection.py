"""Asking the shop's database: small facts through psycopg, lines as Arrow through ADBC.

Every session is read-only and has the settings' statement timeout. Faults are told without the password.
"""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql  # type: ignore[import-untyped]
import polars as pl
import psycopg
from psycopg import conninfo, errors, sql

from ml_assets.errors import PassingError, UserError
from ml_assets.settings.source import PostgresSource
from ml_assets.sources.base import BLOCK_ROWS
from ml_assets.sources.postgres.query import Sql
from ml_assets.sources.relations import is_query
from ml_assets.waiting import waiting_for

SECONDS_TO_CONNECT = 10
LOST = ("08", "57P")
REFUSED = re.compile(
    r"password authentication failed[^\n]*|no password supplied|no pg_hba\.conf entry[^\n]*|pg_hba\.conf rejects[^\n]*"
    r"|(?:role|database) \"[^\n]*\" (?:does not exist|is not permitted to log in)|permission denied for database[^\n]*"
)
"""What a server says to whom it does not let in; that does not pass by itself, so it is not tried again."""
LOST_WORDS = re.compile("terminating connection|closed the connection|connection (?:to server )?(?:was )?lost")
"""Classes of errors of a connection or server that is gone."""


class ShopDatabase:
    """The database that the settings name; connects for each question."""

    def __init__(self, source: PostgresSource, fallback: str | None) -> None:
        self._source = source
        self._url = source.url.get_secret_value() if source.url else fallback
        milliseconds = int(source.statement_timeout.total_seconds() * 1000)
        self._options = f"-c default_transaction_read_only=on -c statement_timeout={milliseconds} -c TimeZone=UTC"

    def rows(self, statement: Sql, what: str = "asking it") -> list[tuple[Any, ...]]:
        """The answer of a statement that has few rows; `what` is said where it takes long."""
        with self._told(), _patiently(what), self._connect() as connection:
            return connection.execute(statement).fetchall()

    def types(self, statement: Sql) -> dict[str, str]:
        """Names and types of the columns of a statement, as PostgreSQL calls them."""
        with self._told(), _patiently("looking at columns"), self._connect() as connection:
            cursor = connection.execute(sql.SQL("SELECT * FROM ({}) AS looked_at LIMIT 0").format(statement))
            found = [(column.name, column.type_code) for column in cursor.description or []]
            query = "SELECT oid::integer, typname FROM pg_type WHERE oid = ANY (%s)"
            names = dict(connection.execute(query, [[kind for _, kind in found]]).fetchall())
        return {name: str(names[kind]) for name, kind in found}

    def frame(self, statement: Sql) -> pl.DataFrame:
        """The lines of a statement at once."""
        with self._asked(statement) as lines, self._told(), _patiently("reading a table"):
            return lines.collect()

    def blocks(self, statement: Sql) -> Iterator[pl.DataFrame]:
        """The lines of a statement as they come, some at a time."""
        with self._asked(statement) as lines:
            blocks = iter(lines.collect_batches(chunk_size=BLOCK_ROWS, engine="streaming"))
            while True:
                with self._told(), _patiently("reading lines"):
                    block = next(blocks, None)
                if block is None:
                    return
                yield block

    @contextmanager
    def _asked(self, statement: Sql) -> Iterator[pl.LazyFrame]:
        """The answer of a statement, sent by binary COPY as Arrow while it is read."""
        with ExitStack() as opened:
            with self._told(), _patiently("reading"):
                database = opened.enter_context(
                    adbc_driver_manager.AdbcDatabase(
                        driver=adbc_driver_postgresql._driver_path(),  # noqa: SLF001 the only way without pyarrow
                        uri=self._parameters(options=self._options),
                    )
                )
                connection = opened.enter_context(adbc_driver_manager.AdbcConnection(database))
                ask = opened.enter_context(adbc_driver_manager.AdbcStatement(connection))
                ask.set_sql_query(statement.as_string())
                stream, _ = ask.execute_query()
                lines = pl.scan_arrow_c_stream(stream)
            yield lines

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self._parameters(options=self._options), autocommit=True, prepare_threshold=None)

    def _parameters(self, **more: str) -> str:
        if not self._url and not any(os.environ.get(name) for name in ("PGHOST", "PGSERVICE", "PGDATABASE")):
            raise UserError(
                "The source is a PostgreSQL, but no setting says which.",
                "Set source.url (or ML_ASSETS_SOURCE__URL), or DATABASE_URL where orders and lists share a database.",
                code="settings.wrong",
            )
        name = {"application_name": "ml_assets source", "connect_timeout": str(SECONDS_TO_CONNECT)}
        return conninfo.make_conninfo(_plain(self._url or ""), **name, **more)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, adbc_driver_manager.Error, pl.exceptions.ComputeError) as error:
            raise self._explained(error) from None

    def _explained(self, error: Exception) -> UserError:
        text = self._without_password(str(error))
        # Within a stream of Arrow there is only the server's text.
        state = getattr(error, "sqlstate", None) or ("" if "ERROR:" not in text or LOST_WORDS.search(text) else "?")
        if "statement timeout" in text:
            state = str(errors.QueryCanceled.sqlstate)
        lines = text.partition("ERROR:")[2] or text
        first = next((line.strip() for line in lines.splitlines() if line.strip()), "no reason given")
        table = self._source.table
        where = "The query of source.table" if is_query(table) else f"source.table: {table}"
        if state == errors.QueryCanceled.sqlstate:
            return UserError(
                f"{where}: a statement took longer than {self._source.statement_timeout} and was cancelled.",
                "Index the time column, read a replica, or raise source.statement_timeout.",
                code="source.unreadable",
            )
        if state == errors.InsufficientPrivilege.sqlstate:
            return UserError(
                f"{where}: {first}.",
                "GRANT SELECT on it (and USAGE on its schema) to the role of source.url.",
                code="source.unreadable",
            )
        if meant := REFUSED.search(text):
            return UserError(
                f"The shop's database refuses the connection: {meant[0]}.",
                "Check user, password and database in source.url (or DATABASE_URL), and who may connect.",
                code="source.unreadable",
            )
        if not state or state.startswith(LOST):
            return PassingError(
                f"The shop's database cannot be read: {first}.",
                "Check source.url and the server; nothing was loaded, and the day can be run again.",
                code="database.unreachable",
            )
        return UserError(
            f"{where}: {first}.", "Check source.table, source.columns and source.where.", code="source.unreadable"
        )

    def _without_password(self, text: str) -> str:
        with suppress(psycopg.Error):
            if password := conninfo.conninfo_to_dict(_plain(self._url or "")).get("password"):
                return text.replace(str(password), "***")
        return text


def _patiently(what: str) -> AbstractContextManager[None]:
    """A question that is told where its answer takes long."""
    return waiting_for(f"the shop's database: {what}")


def _plain(url: str) -> str:
    """Without the driver's name that SQLAlchemy wants."""
    scheme, sign, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{sign}{rest}"
