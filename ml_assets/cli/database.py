"""`ml-assets psql` and `ml-assets stop`: the database behind the lists."""

import os
import shutil
import signal
import subprocess
from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ml_assets.cli import stopping
from ml_assets.cli.console import OUT, ConfigOption
from ml_assets.cli.dagster_process import running
from ml_assets.database.connection import connect, database_url, plain_url
from ml_assets.database.embedded.server import is_running, psql_path, stop_embedded
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings

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
    # Ctrl-C is for psql, which cancels the query with it.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    with stopping.taking_time():
        finished = subprocess.run(arguments, env={**os.environ, **secret}, check=False)
    signal.signal(signal.SIGINT, before)
    return 1 if finished.returncode else 0


def stop(
    force: Annotated[bool, typer.Option("--force", help="Even while Dagster or another command uses it.")] = False,
    config: ConfigOption = None,
) -> int:
    """Stop the embedded PostgreSQL; the next command that needs it starts it again."""
    settings = load_settings(config)
    if settings.database_url is not None:
        raise UserError("This shop uses a PostgreSQL of its own (DATABASE_URL).", "Stop it where it runs.")
    if not force:
        _require_unused(settings)
    stopped = stop_embedded(settings.home)
    OUT.print("The embedded PostgreSQL is stopped." if stopped else "The embedded PostgreSQL was not running.")
    return 0


def _require_unused(settings: Settings) -> None:
    """Raise `UserError` where Dagster or a command would lose it in the middle of its work."""
    if owner := running(settings.home):
        raise owner.refuse()
    if not is_running(settings.home):
        return
    with connect(settings) as connection:
        others = """
            SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'ml-assets %%' AND pid <> %s
        """
        row = connection.execute(others, [connection.info.backend_pid]).fetchone()
    if row is not None:
        raise UserError(
            f"The embedded PostgreSQL is being used by {row[0]}.",
            "Wait until it is done, or stop it first; `ml-assets stop --force` cuts it off.",
            code="database.busy",
        )
