"""`ml-assets psql` and `ml-assets stop`: the database behind the lists."""

import os
import shutil
import subprocess
from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ml_assets.cli.console import OUT, ConfigOption
from ml_assets.database.connection import connect, database_url, plain_url
from ml_assets.database.embedded.server import psql_path, stop_embedded
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings

# Parts of a connection string that must not show in `ps`.
SECRETS = ("password", "sslpassword")


def psql(
    sql: Annotated[
        list[str] | None, typer.Option("--command", "-c", help="Run this SQL and leave; may be repeated.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print results as CSV.")] = False,
    config: ConfigOption = None,
) -> int:
    """Open psql on the database that holds the lists, starting the embedded server where needed."""
    settings = load_settings(config)
    with connect(settings) as connection:
        del connection  # An unreachable database is explained here, better than psql would.
    program = str(psql_path()) if settings.database_url is None else shutil.which("psql") or str(psql_path())
    parts = conninfo_to_dict(plain_url(database_url(settings)))
    target = make_conninfo("", **{key: str(value) for key, value in parts.items() if key not in SECRETS})
    arguments = [program, "--no-psqlrc" if sql else "--quiet", "-v", "ON_ERROR_STOP=1", "-P", "pager=off", "-d", target]
    arguments += ["--csv"] if csv else []
    arguments += [part for statement in sql or () for part in ("-c", statement)]
    secret = {"PGPASSWORD": str(parts["password"])} if parts.get("password") else {}
    finished = subprocess.run(arguments, env={**os.environ, **secret}, check=False)
    return 1 if finished.returncode else 0


def stop(config: ConfigOption = None) -> int:
    """Stop the embedded PostgreSQL; the next command that needs it starts it again."""
    settings = load_settings(config)
    if settings.database_url is not None:
        raise UserError("This shop uses a PostgreSQL of its own (DATABASE_URL).", "Stop it where it runs.")
    stopped = stop_embedded(settings.home)
    OUT.print("The embedded PostgreSQL is stopped." if stopped else "The embedded PostgreSQL was not running.")
    return 0
