"""Bringing the database to the present version: numbered SQL files, applied once each.

Finding, filling in and recording migrations belong here; what they create is in `migrations/*.sql`, roles and grants
are in `roles.py`. Every file runs in one transaction together with its record, under an advisory lock: two commands
that start at once do not meet, and a file that fails leaves nothing.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import Literal

import psycopg
from psycopg import errors, sql

from ml_assets.contract.roles import sync_roles
from ml_assets.database.connection import ServingConnection
from ml_assets.database.give_way import close_views, give_way, until_there_is_room
from ml_assets.database.names import Schemas
from ml_assets.errors import UserError

IdType = Literal["bigint", "text"]
FILE = re.compile(r"(\d{3})_\w+\.sql")
PLACEHOLDER = re.compile(r':"(ml|store|meta|reader|writer)"|(?<!:):(customer_id_type|item_id_type)\b')


@dataclass(frozen=True)
class Migration:
    """One SQL file with psql-style placeholders."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file as it is delivered."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def sql(self, schemas: Schemas, types: dict[str, IdType]) -> bytes:
        """The text with quoted names and types filled in."""
        names = schemas.names
        return PLACEHOLDER.sub(
            lambda found: sql.Identifier(names[found[1]]).as_string() if found[1] else types[found[2]], self.text
        ).encode()


def delivered_migrations() -> list[Migration]:
    """The SQL files of the installed package, in order."""
    folder = resources.files("ml_assets.contract") / "migrations"
    files = sorted(file.name for file in folder.iterdir() if FILE.fullmatch(file.name))
    return [Migration(int(name[:3]), name[:-4], (folder / name).read_text(encoding="utf-8")) for name in files]


def migrate(
    connection: ServingConnection,
    *,
    customer_id_type: IdType,
    item_id_type: IdType,
    source: str,
    migrations: list[Migration] | None = None,
) -> list[str]:
    """Apply what is missing and return its names; ids and source must be those of the first time.

    Raises `UserError` when a schema belongs to somebody else, rights are missing, the database is newer than this
    program, or holds another shop's data.
    """
    types: dict[str, IdType] = {"customer_id_type": customer_id_type, "item_id_type": item_id_type}
    wanted = delivered_migrations() if migrations is None else migrations
    applied: list[str] = []
    try:
        done = _done(connection)
        _refuse_unknown(done, wanted)
        missing = [migration for migration in wanted if done.get(migration.number) != migration.checksum]
        for migration in missing:
            if until_there_is_room(partial(_apply, connection, migration, types, source)):
                applied.append(migration.name)  # noqa: PERF401 what was applied counts even where the next fails
        until_there_is_room(lambda: sync_roles(connection))
    except errors.InsufficientPrivilege as error:
        role = connection.info.user
        raise UserError(
            f"The database role {role} may not set up the schemas of ml_assets: {error.diag.message_primary}.",
            f"GRANT CREATE ON DATABASE {connection.info.dbname} TO {role}, or connect as the owner of the schemas.",
        ) from error
    except errors.ReadOnlySqlTransaction as error:
        raise UserError(
            "The database is read-only (a standby?), so ml_assets cannot be set up in it.",
            "Point DATABASE_URL to the primary server.",
        ) from error
    _refuse_other_shop(connection, types, source)
    return applied


def upgrade(connection: ServingConnection) -> list[str]:
    """Apply what a database that is already set up lacks, without changing whose it is; nothing where none is."""
    done = _done(connection)
    if not done or {migration.number for migration in delivered_migrations()} <= done.keys():
        return []
    query = connection.schemas.sql("SELECT customer_id_type, item_id_type, source FROM {meta}.shop")
    customer, item, source = connection.execute(query).fetchall()[0]
    return migrate(connection, customer_id_type=customer, item_id_type=item, source=source)


def accept_source(connection: ServingConnection, source: str) -> None:
    """Take another source for the same shop, because its owner says so; nothing where nothing is set up yet."""
    if _done(connection):
        connection.execute(connection.schemas.sql("UPDATE {meta}.shop SET source = %s"), [source])


def _done(connection: ServingConnection) -> dict[int, str]:
    """Checksums by number; empty where nothing was applied yet."""
    schemas = connection.schemas
    known = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'migrations'"
    if connection.execute(known, [schemas.meta]).fetchone() is None:
        return {}
    return dict(connection.execute(schemas.sql("SELECT number, checksum FROM {meta}.migrations")).fetchall())


def _apply(connection: ServingConnection, migration: Migration, types: dict[str, IdType], source: str) -> bool:
    """Apply one file and record it, unless another command did so meanwhile."""
    schemas = connection.schemas
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"migrate {schemas.meta}"])
        done = _done(connection)
        if migration.number in done:
            if done[migration.number] != migration.checksum:
                raise UserError(
                    f"Migration {migration.name} was applied to this database with other contents.",
                    "Use the version of ml-assets that set the database up, or a newer released one.",
                )
            return False
        give_way(connection)
        if done:
            close_views(connection)
        else:
            _bootstrap(connection)
        connection.execute(migration.sql(schemas, types))
        if not done:
            insert = "INSERT INTO {meta}.shop (customer_id_type, item_id_type, source) VALUES (%s, %s, %s)"
            connection.execute(schemas.sql(insert), [types["customer_id_type"], types["item_id_type"], source])
        connection.execute(
            schemas.sql("INSERT INTO {meta}.migrations (number, name, checksum) VALUES (%s, %s, %s)"),
            [migration.number, migration.name, migration.checksum],
        )
    return True


def _bootstrap(connection: ServingConnection) -> None:
    """Create the schemas and the record of migrations; schemas prepared by an administrator must be empty."""
    schemas = connection.schemas
    for name in (schemas.ml, schemas.store, schemas.meta):
        objects = "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid) FROM pg_namespace n"
        row = connection.execute(f"{objects} WHERE nspname = %s", [name]).fetchone()
        if row is None:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        elif row[0]:
            raise UserError(
                f"The database has a schema {name} with {row[0]} objects that ml_assets did not create.",
                "Give the shop another `name` in the settings (it prefixes the schemas), or use another database.",
            )
    connection.execute(
        schemas.sql(
            "CREATE TABLE {meta}.migrations (number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now(), applied_by text NOT NULL DEFAULT current_user)"
        )
    )
    connection.execute(
        schemas.sql("COMMENT ON TABLE {meta}.migrations IS 'Which SQL files of ml_assets were applied, and when.'")
    )


def _refuse_unknown(done: dict[int, str], wanted: list[Migration]) -> None:
    newer = sorted(set(done) - {migration.number for migration in wanted})
    if newer:
        raise UserError(
            f"The database was set up by a newer ml-assets (migration {newer[-1]:03d} is unknown to this one).",
            "Upgrade ml-assets on this machine.",
        )


def _refuse_other_shop(connection: ServingConnection, types: dict[str, IdType], source: str) -> None:
    query = connection.schemas.sql("SELECT customer_id_type, item_id_type, source FROM {meta}.shop")
    row = connection.execute(query).fetchone()
    if row is None:
        raise psycopg.DataError(f"{connection.schemas.meta}.shop has no row")
    now = (types["customer_id_type"], types["item_id_type"], source)
    words = ("customer ids of type", "item ids of type", "data from the source")
    for what, was, configured in zip(words, row, now, strict=True):
        if was != configured:
            raise UserError(
                f"The database holds {what} {was}, but the settings now bring {configured}.",
                "Give this shop another `name` in the settings, use another database, or go back to the old source; "
                "if it is the same shop and its files only moved, run `ml-assets run --accept-source` once.",
            )
