"""`ml-assets psql` and `ml-assets stop`: the database behind the lists."""

import os
import shutil
import subprocess
from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict

from ml_assets.cli.console import OUT, ConfigOption
from ml_assets.config import load_settings
from ml_assets.errors import UserError
from ml_assets.serving.connection import connect, database_url, plain_url
from ml_assets.serving.embedded import psql_path, stop_embedded

# libpq's variable for each part of a connection string; arguments would show in `ps`.
VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "options": "PGOPTIONS",
    "service": "PGSERVICE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "channel_binding": "PGCHANNELBINDING",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}


def psql(
    sql: Annotated[str | None, typer.Option("--command", "-c", help="Run this SQL and leave.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print results as CSV.")] = False,
    config: ConfigOption = None,
) -> int:
    """Open psql on the database that holds the lists, starting the embedded server where needed."""
    settings = load_settings(config)
    with connect(settings) as connection:
        del connection  # An unreachable database is explained here, better than psql would.
    program = str(psql_path()) if settings.database_url is None else shutil.which("psql") or str(psql_path())
    arguments = [program, "--no-psqlrc" if sql else "--quiet", "-v", "ON_ERROR_STOP=1", "-P", "pager=off"]
    arguments += ["--csv"] if csv else []
    arguments += ["-c", sql] if sql else []
    finished = subprocess.run(arguments, env={**os.environ, **_environment(database_url(settings))}, check=False)
    return 1 if finished.returncode else 0


def stop(config: ConfigOption = None) -> int:
    """Stop the embedded PostgreSQL; the next command that needs it starts it again."""
    settings = load_settings(config)
    if settings.database_url is not None:
        raise UserError("This shop uses a PostgreSQL of its own (DATABASE_URL).", "Stop it where it runs.")
    stopped = stop_embedded(settings.home)
    OUT.print("The embedded PostgreSQL is stopped." if stopped else "The embedded PostgreSQL was not running.")
    return 0


def _environment(url: str) -> dict[str, str]:
    parts = conninfo_to_dict(plain_url(url))
    return {VARIABLES[key]: str(value) for key, value in parts.items() if key in VARIABLES}
