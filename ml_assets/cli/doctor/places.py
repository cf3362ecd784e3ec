"""Where results go and whom alerts reach: the database, the lake, the channels, the clock."""

import shutil
import socket
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

from ml_assets.alerts.send.channels import endpoint_of
from ml_assets.cli.doctor.finding import Finding, Level, findings
from ml_assets.database.ask import one, one_row
from ml_assets.database.connection import ServingConnection, connect
from ml_assets.errors import UserError
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings

NEWEST_TESTED = 18
LEAST_SPACE = 2 * 2**30
READ_BY_OTHERS = 0o066
MOST_APART = timedelta(seconds=60)
SECONDS_TO_REACH = 5


def look_at_places(settings: Settings) -> Iterator[Finding]:
    """Everything that a run writes to, and every channel."""
    yield from findings("database", lambda: _database(settings))
    yield from findings("lake", lambda: _lake(settings))
    for name in settings.alerts.channels:
        yield from findings(f"channel {name}", partial(_channel, settings, name))
    if not settings.alerts.channels:
        fix = "Add alerts.channels (docs/alerts.md), and try it with `ml-assets alerts test`."
        yield Finding("channels", "warning", "There is no channel: nobody is told when something goes stale.", fix)


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is None:
        words = f"An embedded PostgreSQL in {settings.home}; good to try with, and for applications on this machine."
        yield Finding("database", "good", words)
        return
    with connect(settings) as connection:
        version = connection.info.server_version // 10000
        level: Level = "good" if version <= NEWEST_TESTED else "warning"
        fix = "" if level == "good" else f"Versions up to {NEWEST_TESTED} are tested."
        yield Finding("database", level, f"PostgreSQL {version}, as {connection.info.user}.", fix)
        yield from _rights(connection)
        apart = abs(datetime.now(UTC) - one(connection, "SELECT clock_timestamp()"))
        if apart > MOST_APART:
            words = f"The clocks of this machine and of the database are {apart.total_seconds():,.0f} seconds apart."
            yield Finding("clock", "error", words, "Synchronise both (NTP): freshness is judged by the database's.")
        else:
            yield Finding("clock", "good", "This machine and the database agree on the time.")


def _rights(connection: ServingConnection) -> Iterator[Finding]:
    schemas = connection.schemas
    there = one(connection, "SELECT to_regclass(format('%%I.roles', %s::text)) IS NOT NULL", [schemas.meta])
    if not there:
        query = "SELECT has_database_privilege(current_database(), 'CREATE'), pg_is_in_recovery(), current_database()"
        may, standby, name = one_row(connection, query)
        if standby:
            yield Finding("rights", "error", "The database is a read-only standby.", "Connect to the primary server.")
        elif not may:
            fix = f"GRANT CREATE ON DATABASE {name} TO {connection.info.user};"
            yield Finding("rights", "error", f"{connection.info.user} may not create schemas in {name}.", fix)
        else:
            yield Finding("rights", "good", "The schemas can be set up; the first command does so.")
        return
    noted = connection.execute(schemas.sql("SELECT role, note FROM {meta}.roles WHERE NOT ready")).fetchall()
    for role, note in noted:
        yield Finding(
            "rights", "warning", f"The role {role}: {note}", "An administrator can do so; then run any command."
        )
    if not noted:
        yield Finding("rights", "good", "All roles are there with their grants.")


def _lake(settings: Settings) -> Iterator[Finding]:
    lake = Lake.of(settings)
    if not lake.is_local:
        yield Finding("lake", "good", f"{lake.root}; `ml-assets run` writes there.")
        return
    place = Path(str(lake.root))
    for folder in {settings.home, place}:
        if folder.is_dir() and (mode := stat.S_IMODE(folder.stat().st_mode)) & READ_BY_OTHERS:
            words = f"Others on this machine may look into {folder} (mode {mode:04o}), where customers' data lie."
            yield Finding("lake", "warning", words, f"chmod go-rwx {folder}")
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    try:
        TemporaryFile(dir=existing).close()
    except OSError as error:
        fix = "Make it writable, or set home or lake to another folder."
        raise UserError(f"{existing} cannot be written: {error.strerror}.", fix) from None
    free = shutil.disk_usage(existing).free
    words = f"{lake.root} is writable; {free / 2**30:,.1f} GiB are free."
    if free < LEAST_SPACE:
        yield Finding(
            "lake", "warning", words, f"Keep {LEAST_SPACE // 2**30} GiB free: models and days are written there."
        )
    else:
        yield Finding("lake", "good", words)


def _channel(settings: Settings, name: str) -> Iterator[Finding]:
    about = f"channel {name}"
    host, port = endpoint_of(settings.alerts.channels[name].url.get_secret_value())
    if host is None:
        yield Finding(about, "good", "Its address is understood; `ml-assets alerts test` sends a message.")
        return
    try:
        socket.create_connection((host, port), timeout=SECONDS_TO_REACH).close()
    except OSError as error:
        fix = "Check the address, and whether this machine may reach it."
        yield Finding(about, "error", f"{host}:{port} does not answer: {error.strerror or error}.", fix)
        return
    yield Finding(about, "good", f"{host}:{port} answers; `ml-assets alerts test` sends a message.")
