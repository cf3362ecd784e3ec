"""Connections to the serving database: which one, and how its faults are told.

Only connecting belongs here. The URL is the `database_url` setting or the embedded server's. Passwords never appear
in messages: libpq's text is shown only for URLs that were understood, and with the password blotted out.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import psycopg
from psycopg import conninfo, errors, sql
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from ml_assets.database.embedded.server import start_embedded
from ml_assets.database.faults import (
    explain_connection_fault,
    explain_statement_fault,
    explain_url_fault,
    lost_connection,
)
from ml_assets.database.names import Schemas
from ml_assets.database.search_path import look_nowhere_else
from ml_assets.database.waits import Statement, watched
from ml_assets.errors import PassingError, UserError
from ml_assets.settings.durations import plain_duration
from ml_assets.settings.shop import Settings
from ml_assets.settings.waiting import WaitingSettings

OLDEST_SERVER = 14
SECONDS_TO_CONNECT = 10
SECONDS_TO_CANCEL = 0.5
WAIT_FOR_LOCKS = WaitingSettings().lock
Result = TypeVar("Result")
_program = "ml_assets"


def call_program(name: str) -> None:
    """Name this program in the database, for those who wait for it: `ml-assets run`."""
    global _program  # noqa: PLW0603 a process is one program
    _program = name


class ServingConnection(psycopg.Connection[TupleRow]):
    """A psycopg connection that knows the names of its shop's schemas. Autocommit: transactions are explicit.

    No statement waits for a lock longer than `waits`, and who holds it is logged while it waits.
    """

    schemas: Schemas = Schemas()
    waits: timedelta = WAIT_FOR_LOCKS
    purpose: str | None = None
    """What the lock is for that is asked for."""
    held_up_by: str | None = None
    """Who held up the last statement that was held up."""
    url: str = ""
    """As it was opened, without SQLAlchemy's driver name; it may hold the password."""

    @classmethod
    def open(cls, url: str, schemas: Schemas, *, waits: timedelta = WAIT_FOR_LOCKS) -> Self:
        """Connect, or raise `UserError` that says what to mend, without the password."""
        if problem := explain_url_fault(url):
            raise problem
        try:
            connection = cls.connect(
                plain_url(url),
                autocommit=True,
                connect_timeout=SECONDS_TO_CONNECT,
                application_name=f"{_program}, process {os.getpid()}",
                # Prepared statements live in one server session; poolers such as PgBouncer hand out many.
                prepare_threshold=None,
            )
        except psycopg.Error as error:
            # Without the cause: its text is libpq's, and the traceback would show it.
            raise explain_connection_fault(url, str(error)) from None
        connection.schemas, connection.url, connection.waits = schemas, plain_url(url), waits
        look_nowhere_else(connection)
        connection.limit_waits(waits)
        version = connection.info.server_version
        if version < OLDEST_SERVER * 10000:
            connection.close()
            raise UserError(
                f"The database is PostgreSQL {version // 10000}; version {OLDEST_SERVER} or newer is needed.",
                "Upgrade it, or set DATABASE_URL to a newer one.",
            )
        return connection

    def limit_waits(self, longest: timedelta) -> None:
        """Let no statement of the session wait longer for one lock, whatever the role's own limit is.

        A statement whose program was killed ends as well; otherwise it waits on, and what it holds stays locked.
        """
        limits = """
            SELECT
                set_config('lock_timeout', %s, false),
                CASE WHEN version() LIKE '%%linux%%'
                    THEN set_config('client_connection_check_interval', '5s', false)
                END
        """
        self.execute(limits, [str(int(longest.total_seconds() * 1000))])

    @contextmanager
    def waiting_for(self, purpose: str) -> Iterator[None]:
        """Say, where it takes long, what the lock is for that is asked for in a `with` block."""
        self.purpose = purpose
        yield
        # Kept where it failed: it belongs into the message.
        self.purpose = None

    def wait(self, gen: Generator[Any, Any, Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        """Wait for an answer of the server, as psycopg does, watched by those who can tell for whom."""
        statement = Statement(self.url, self.info.backend_pid, self.fileno(), self.purpose)
        try:
            with watched(statement):
                return super().wait(gen, interval) if timeout is None else super().wait(gen, interval, timeout)
        except Exception:
            raise
        except BaseException:
            # psycopg cancels for Ctrl-C; Dagster has another exception of its own for it.
            if not self.closed and self.info.transaction_status == TransactionStatus.ACTIVE:
                with suppress(psycopg.Error):
                    self.cancel_safe(timeout=SECONDS_TO_CANCEL)
                self.close()
            raise
        finally:
            self.held_up_by = statement.holder or self.held_up_by


def database_url(settings: Settings) -> str:
    """The setting, or the embedded server's URL (which starts it where it does not run)."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return start_embedded(settings.home)


@contextmanager
def connect(settings: Settings) -> Iterator[ServingConnection]:
    """An open connection for a `with` block, closed at its end.

    Raises `UserError` when the server cannot be reached, refuses, is too old or goes away during the block.
    """
    connection = ServingConnection.open(database_url(settings), Schemas(settings.name), waits=settings.waiting.lock)
    try:
        yield connection
    except errors.LockNotAvailable:
        raise waited_too_long(connection, settings.waiting.lock, "waiting.lock") from None
    except psycopg.Error as error:
        if explained := explain_statement_fault(error):
            raise explained from error
        if isinstance(error, psycopg.OperationalError) and connection.closed:
            raise lost_connection(str(error)) from None
        raise
    finally:
        connection.close()


def waited_too_long(connection: ServingConnection, longest: timedelta, setting: str) -> PassingError:
    """The end of a wait for a lock, with its holder where one was seen."""
    holder = connection.held_up_by or "another session holds the lock"
    return PassingError(
        f"Waited {plain_duration(longest)} in vain {connection.purpose or 'for the database'}: {holder}.",
        "Run the command again when it is done, or end it, e.g. with pg_terminate_backend(SESSION) in "
        f"`ml-assets psql`. The setting {setting} says how long others are waited for.",
        code="database.busy",
    )


def sqlalchemy_url(settings: Settings, schema: str = "dagster", *, options: str = "") -> str:
    """The URL for Dagster's storage, whose tables then live in `schema`, created where it is missing.

    The driver is named because SQLAlchemy 2.1 takes psycopg 3 for a bare postgresql://, and dagster-postgres reads
    attributes of psycopg2's errors.
    """
    url = database_url(settings)
    with connect(settings) as connection:
        exists = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]).fetchone()
        if not exists:
            create = sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema))
            try:
                connection.execute(create)
            except psycopg.errors.UniqueViolation:
                pass  # Another process created it at the same moment.
            except psycopg.errors.InsufficientPrivilege:
                raise UserError(
                    f"The database role may not create the schema {schema}, where Dagster keeps its tables.",
                    f"Create it as an administrator: CREATE SCHEMA {schema} AUTHORIZATION the role.",
                    code="database.rights",
                ) from None
    parts = {key: str(value) for key, value in conninfo.conninfo_to_dict(plain_url(url)).items()}
    user, password = parts.pop("user", ""), parts.pop("password", "")
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    database = quote(parts.pop("dbname", ""), safe="")
    parts["connect_timeout"] = parts.get("connect_timeout", str(SECONDS_TO_CONNECT))
    parts["application_name"] = parts.get("application_name", f"Dagster of {_program}, process {os.getpid()}")
    parts["options"] = f"{parts.get('options', '')} {options} -csearch_path={schema}".strip()
    return f"postgresql+psycopg2://{login + '@' if login else ''}/{database}?{urlencode(parts, quote_via=quote)}"


def plain_url(url: str) -> str:
    """Without SQLAlchemy's driver name (`postgresql+psycopg2://`), which libpq does not know."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{separator}{rest}" if separator else url
