"""Bringing the database to the present version: numbered files of tables, once each, then the views and functions.

Finding, applying and recording belongs here; what is created is in `tables/`, `functions/` and `views/`, roles and
grants are in `roles.py`. All that is due runs in one transaction with its record, under an advisory lock: two commands
that start at once do not meet, and an upgrade that fails leaves the database as it was.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from psycopg import errors, sql

from ml_assets.contract.apply_file import apply_file
from ml_assets.contract.files import fill, read_files
from ml_assets.contract.objects import apply, due
from ml_assets.contract.order import SqlObject, delivered_objects
from ml_assets.contract.owner import is_owned, take_over, why_no_owner
from ml_assets.contract.roles import sync_roles
from ml_assets.database.ask import one_row
from ml_assets.database.connection import ServingConnection
from ml_assets.database.faults import changed_by_hand
from ml_assets.database.give_way import changing, close_views, until_there_is_room
from ml_assets.database.rights import become_owner
from ml_assets.errors import UserError
from ml_assets.ids import IdType

NUMBERED = re.compile(r"\d{3}_\w+")
# SHA-256 of the numbers and checksums of the eighteen files that the baseline was made of.
BEFORE_BASELINE = "c83dad8ce1086407ec735dcfa243d558e9add888abd9bec6cacf71ee81672575"


@dataclass(frozen=True)
class Migration:
    """One numbered file of tables with psql-style placeholders."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file as it is delivered."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Contract:
    """The SQL files that a version of ml-assets brings: tables in order, then views and functions in theirs."""

    migrations: list[Migration]
    objects: list[SqlObject]


def delivered() -> Contract:
    """The SQL files of the installed package."""
    return Contract(_delivered_tables(), delivered_objects())


def migrate(
    connection: ServingConnection,
    *,
    customer_id_type: IdType,
    item_id_type: IdType,
    source: str,
    contract: Contract | None = None,
) -> list[str]:
    """Apply what is missing and return its names; ids and source must be those of the first time.

    Raises `UserError` when a schema belongs to somebody else, rights are missing, the database is newer than this
    program, or holds another shop's data.
    """
    types: dict[str, str] = {"customer_id_type": customer_id_type, "item_id_type": item_id_type}
    wanted = contract or delivered()
    try:
        if _done(connection):
            _refuse_other_shop(connection, types, source)
        problem = why_no_owner(connection)
        owned = problem is None
        applied = until_there_is_room(connection, partial(_bring_up, connection, wanted, types, source, owned=owned))
        until_there_is_room(connection, lambda: sync_roles(connection, problem))
    except errors.InsufficientPrivilege as error:
        role = connection.info.user
        raise UserError(
            f"The database role {role} may not set up the schemas of ml_assets: {error.diag.message_primary}.",
            f"GRANT CREATE ON DATABASE {connection.info.dbname} TO {role}, or connect as the owner of the schemas.",
            code="database.rights",
        ) from error
    except errors.ReadOnlySqlTransaction as error:
        raise UserError(
            "The database is read-only (a standby?), so ml_assets cannot be set up in it.",
            "Point DATABASE_URL to the primary server.",
        ) from error
    return applied


def upgrade(connection: ServingConnection) -> list[str]:
    """Apply what a database that is already set up lacks, without changing whose it is; nothing where none is."""
    if not _done(connection):
        return []
    customer, item, source = one_row(connection, "SELECT customer_id_type, item_id_type, source FROM {meta}.shop")
    return migrate(connection, customer_id_type=customer, item_id_type=item, source=source)


def missing_tables(connection: ServingConnection) -> list[str]:
    """Names of the files of tables that a database which is set up lacks: it is of an older version."""
    done = _done(connection)
    return [each.name for each in _delivered_tables() if each.number not in done] if done else []


def accept_source(connection: ServingConnection, source: str) -> None:
    """Take another source for the same shop, because its owner says so; nothing where nothing is set up yet."""
    if _done(connection):
        connection.execute(connection.schemas.sql("UPDATE {meta}.shop SET source = %s"), [source])


def _delivered_tables() -> list[Migration]:
    """The numbered files of the installed package, in order."""
    files = read_files("tables")
    if wrong := [name for name in files if not NUMBERED.fullmatch(name)]:
        raise UserError(
            f"ml_assets/contract/tables/{wrong[0]}.sql has no number.",
            "Name it like 002_words_for_it.sql.",
            code="contract.wrong",
        )
    tables = [Migration(int(name[:3]), name, text) for name, text in files.items()]
    for one, other in pairwise(tables):
        if one.number == other.number:
            raise UserError(
                f"ml_assets/contract/tables/{one.name}.sql and {other.name}.sql have one number.",
                "Give the newer one the next number.",
                code="contract.wrong",
            )
    return tables


def _done(connection: ServingConnection) -> dict[int, str]:
    """Checksums by number; empty where nothing was applied yet."""
    schemas = connection.schemas
    known = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'migrations'"
    if connection.execute(known, [schemas.meta]).fetchone() is None:
        return {}
    return dict(connection.execute(schemas.sql("SELECT number, checksum FROM {meta}.migrations")).fetchall())


def _bring_up(
    connection: ServingConnection, wanted: Contract, types: dict[str, str], source: str, *, owned: bool
) -> list[str]:
    """Apply and record what is due, unless another command did so meanwhile; `owned`: as the owner, who gets it all."""

    def is_due() -> bool:
        missing = _missing(connection, wanted) or due(connection, types, {}, wanted.objects)
        return bool(missing) or (owned and not is_owned(connection))

    if not is_due():
        return []
    with changing(connection):
        if not is_due():
            return []
        is_new = not _done(connection)
        if is_new:
            _create_schemas(connection)
        if owned:
            if not is_owned(connection):
                take_over(connection)
            become_owner(connection)
        if is_new:
            _create_record(connection)
        tables = _apply_tables(connection, wanted, types, source)
        return tables + apply(connection, due(connection, types, {}, wanted.objects))


def _apply_tables(connection: ServingConnection, wanted: Contract, types: dict[str, str], source: str) -> list[str]:
    """Apply and record what is missing of the tables, within a transaction, with no reader in the views."""
    schemas = connection.schemas
    done = _done(connection)
    missing = _missing(connection, wanted)
    if missing and done:
        close_views(connection)
    if _is_before_baseline(done):
        name = "before_baseline"
        apply_file(connection, name, fill(name, read_files("")[name], schemas, {}))
    for migration in missing:
        if migration.number > 1 or not done:
            name = f"tables/{migration.name}"
            apply_file(connection, name, fill(name, migration.text, schemas, types))
        note = "INSERT INTO {meta}.migrations (number, name, checksum, applied_by) VALUES (%s, %s, %s, session_user)"
        connection.execute(schemas.sql(note), [migration.number, migration.name, migration.checksum])
    if not done:
        insert = "INSERT INTO {meta}.shop (customer_id_type, item_id_type, source) VALUES (%s, %s, %s)"
        connection.execute(schemas.sql(insert), [types["customer_id_type"], types["item_id_type"], source])
    return [migration.name for migration in missing]


def _missing(connection: ServingConnection, wanted: Contract) -> list[Migration]:
    """What was not applied; all of it in a database from before the baseline, whose record the baseline replaces."""
    done = _done(connection)
    if _is_before_baseline(done):
        return wanted.migrations
    for migration in wanted.migrations:
        if done.get(migration.number, migration.checksum) != migration.checksum:
            raise UserError(
                f"Migration {migration.name} was applied to this database with other contents.",
                "Use the version of ml-assets that set the database up, or a newer released one. Who is just writing "
                "the file can throw the trial database away instead (CONTRIBUTING.md says how).",
            )
    newer = sorted(set(done) - {migration.number for migration in wanted.migrations})
    if newer:
        raise UserError(
            f"The database was set up by a newer ml-assets (migration {newer[-1]:03d} is unknown to this one).",
            "Upgrade ml-assets on this machine.",
            code="database.newer",
        )
    return [migration for migration in wanted.migrations if migration.number not in done]


def _is_before_baseline(done: dict[int, str]) -> bool:
    record = "".join(f"{number} {checksum}\n" for number, checksum in sorted(done.items()))
    return hashlib.sha256(record.encode()).hexdigest() == BEFORE_BASELINE


def _create_schemas(connection: ServingConnection) -> None:
    """Create the schemas; those prepared by an administrator must be empty."""
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


def _create_record(connection: ServingConnection) -> None:
    """Create the record of migrations."""
    schemas = connection.schemas
    connection.execute(
        schemas.sql(
            "CREATE TABLE {meta}.migrations (number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now(), applied_by text NOT NULL DEFAULT current_user)"
        )
    )
    connection.execute(
        schemas.sql("COMMENT ON TABLE {meta}.migrations IS 'Which numbered files of tables were applied, and when.'")
    )


def _refuse_other_shop(connection: ServingConnection, types: dict[str, str], source: str) -> None:
    query = connection.schemas.sql("SELECT customer_id_type, item_id_type, source FROM {meta}.shop")
    row = connection.execute(query).fetchone()
    if row is None:
        raise changed_by_hand(f"{connection.schemas.meta}.shop has no row")
    now = (types["customer_id_type"], types["item_id_type"], source)
    words = ("customer ids of type", "item ids of type", "data from the source")
    for what, was, configured in zip(words, row, now, strict=True):
        if was != configured:
            raise UserError(
                f"The database holds {what} {was}, but the settings now bring {configured}.",
                "Give this shop another `name` in the settings, use another database, or go back to the old source; "
                "if it is the same shop and its files only moved, run `ml-assets run --accept-source` once.",
                code="shop.other",
            )
