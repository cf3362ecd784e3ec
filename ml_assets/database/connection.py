"""Connections to the serving database: which one, and how its faults are told.

Only connecting belongs here. The URL is the `database_url` setting or the embedded server's. Passwords never appear
in messages: libpq's text is shown only for URLs that were understood, and with the password blotted out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from urllib.parse import quote, urlencode

import psycopg
from psycopg import conninfo, sql
from psycopg.rows import TupleRow

from ml_assets.database.embedded.server import start_embedded
from ml_assets.database.faults import explain_connection_fault, explain_url_fault
from ml_assets.database.names import Schemas
from ml_assets.errors import PassingError, UserError
from ml_assets.settings.shop import Settings

OLDEST_SERVER = 14
SECONDS_TO_CONNECT = 10


class ServingConnection(psycopg.Connection[TupleRow]):
    """A psycopg connection that knows the names of its shop's schemas. Autocommit: transactions are explicit."""

    schemas: Schemas = Schemas()

    @classmethod
    def open(cls, url: str, schemas: Schemas) -> Self:
        """Connect, or raise `UserError` that says what to mend, without the password."""
        if problem := explain_url_fault(url):
            raise problem
        try:
            connection = cls.connect(
                plain_url(url),
                autocommit=True,
                connect_timeout=SECONDS_TO_CONNECT,
                application_name="ml_assets",
                # Prepared statements live in one server session; poolers such as PgBouncer hand out many.
                prepare_threshold=None,
            )
        except psycopg.Error as error:
            # Without the cause: its text is libpq's, and the traceback would show it.
            raise explain_connection_fault(url, str(error)) from None
        connection.schemas = schemas
        version = connection.info.server_version
        if version < OLDEST_SERVER * 10000:
            connection.close()
            raise UserError(
                f"The database is PostgreSQL {version // 10000}; version {OLDEST_SERVER} or newer is needed.",
                "Upgrade it, or set DATABASE_URL to a newer one.",
            )
        return connection


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
    connection = ServingConnection.open(database_url(settings), Schemas(settings.name))
    try:
        yield connection
    except psycopg.OperationalError as error:
        if not connection.closed:
            raise
        raise PassingError(
            f"The connection to the database was lost: {str(error).strip().splitlines()[0]}.",
            "Nothing half-done was kept; run the command again when the database is back.",
            code="database.unreachable",
        ) from None
    finally:
        connection.close()


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
    parts["options"] = f"{parts.get('options', '')} {options} -csearch_path={schema}".strip()
    return f"postgresql+psycopg2://{login + '@' if login else ''}/{database}?{urlencode(parts, quote_via=quote)}"


def plain_url(url: str) -> str:
    """Without SQLAlchemy's driver name (`postgresql+psycopg2://`), which libpq does not know."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{separator}{rest}" if separator else url
