"""Views and functions: one file each, applied again when its text changed, or when the database has it no longer so.

Finding what is due, applying and noting it belongs here; the files and their order are in `order.py`, tables in
`migrate.py`. All from the first one that is due on are applied again, because those after it may stand on it.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from itertools import dropwhile
from typing import NamedTuple

from packaging.version import InvalidVersion, Version
from psycopg import errors

from ml_assets.contract.apply_file import apply_file, words
from ml_assets.contract.order import SqlObject
from ml_assets.contract.state import state_of_objects
from ml_assets.database.connection import ServingConnection
from ml_assets.database.faults import changed_by_hand
from ml_assets.database.give_way import changing, close_views, until_there_is_room
from ml_assets.database.rights import act_as_owner
from ml_assets.errors import UserError

VERSION = Version(metadata.version("ml_assets"))
# What a file names, and the database has not.
UNDEFINED = (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction)
logger = logging.getLogger(__name__)


class Applied(NamedTuple):
    """What is noted of an object: hash of its text, ml-assets' version, and what the database then had."""

    hash: str
    version: str
    state: str | None


@dataclass(frozen=True)
class Wanted:
    """An object as this ml-assets wants it in this database."""

    each: SqlObject
    text: str

    @property
    def hash(self) -> str:
        """SHA-256 of the text with everything filled in."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def sync_objects(
    connection: ServingConnection, types: Mapping[str, str], mapped: Mapping[str, str], objects: list[SqlObject]
) -> list[str]:
    """Apply what is due and return its names; does nothing where all is as delivered and mapped."""

    def change() -> list[str]:
        with changing(connection):
            close_views(connection)
            act_as_owner(connection)
            return apply(connection, due(connection, types, mapped, objects))

    return until_there_is_room(connection, change) if due(connection, types, mapped, objects) else []


def due(
    connection: ServingConnection, types: Mapping[str, str], mapped: Mapping[str, str], objects: list[SqlObject]
) -> list[Wanted]:
    """What is to be applied: all from the first on that the database does not have so.

    `mapped` is empty where the settings are not known. Raises `UserError` where a newer ml-assets applied them.
    """
    applied = _applied(connection)
    there = state_of_objects(connection) if applied else {}
    wanted = [
        Wanted(each, each.sql(connection.schemas, {**types, **mapped}))
        for each in objects
        if mapped or not each.needs_settings or each.name not in applied or each.made not in there
    ]

    def is_as_wanted(one: Wanted) -> bool:
        noted, state = applied.get(one.each.name), there.get(one.each.made)
        return noted is not None and state is not None and (noted.hash, noted.state) == (one.hash, state)

    missing = list(dropwhile(is_as_wanted, wanted))
    newest = max((_version(noted.version) for noted in applied.values()), default=VERSION)
    if missing and newest > VERSION:
        raise UserError(
            f"The views of the database are those of ml-assets {newest}, this one is {VERSION}.",
            "Upgrade ml-assets on this machine.",
            code="database.newer",
        )
    return missing


def apply(connection: ServingConnection, missing: list[Wanted]) -> list[str]:
    """Apply objects within a transaction and note them; their names.

    Raises `UserError` where a file is wrong, or an object cannot take the place of what is there.
    """
    if not missing:
        return []
    note = """
        INSERT INTO {meta}.objects (name, hash, version, state, applied_by)
        VALUES (%(name)s, %(hash)s, %(version)s, %(state)s, session_user)
        ON CONFLICT (name) DO UPDATE
        SET hash = excluded.hash, version = excluded.version, state = excluded.state, applied_at = now(),
            applied_by = excluded.applied_by
    """
    applied, there = _applied(connection), state_of_objects(connection)
    known = {one.each.name for one in missing if one.each.name in applied and applied[one.each.name].hash == one.hash}
    for one in missing:
        if one.each.name in known and applied[one.each.name].state not in (None, there.get(one.each.made)):
            logger.warning("%s in the database is not what was applied there; it is made again.", one.each.name)
        try:
            apply_file(connection, one.each.path, one.text)
        except UserError as error:
            raise _explained(error, one.each, is_new=len(known) < len(missing)) from error
    there = state_of_objects(connection)
    for one in missing:
        facts = {"name": one.each.name, "hash": one.hash, "version": str(VERSION), "state": there[one.each.made]}
        connection.execute(connection.schemas.sql(note), facts)
    return [one.each.name for one in missing]


def _explained(error: UserError, each: SqlObject, *, is_new: bool) -> UserError:
    """What it means that a file cannot be applied; `is_new`: it, or one before it, has another text than before."""
    cause = error.__cause__
    if not is_new and isinstance(cause, UNDEFINED):
        # The files are as they were when all of them could be applied.
        return changed_by_hand(words(cause))
    if not _is_in_the_way(cause):
        return error
    if not is_new:
        return UserError(
            f"Somebody has changed {each.name} in the database by hand, and it cannot be made again. {error.problem}",
            f"Take the change back, or drop {each.made} in `ml-assets psql`: the next command makes it again.",
            code="database.damaged",
        )
    return UserError(
        f"{each.name} cannot replace what the database has. {error.problem}",
        "Readers may use what it takes away. Raise the version in views/contract_version.sql, and add a "
        "numbered file to tables/ that drops the old one (CONTRIBUTING.md says how).",
        code="contract.wrong",
    )


def _is_in_the_way(cause: BaseException | None) -> bool:
    """Whether what a file makes differs too much from what is there; a wrong function has the code, but no hint."""
    if isinstance(cause, errors.InvalidFunctionDefinition):
        return cause.diag.message_hint is not None
    return isinstance(cause, errors.InvalidTableDefinition)


def _applied(connection: ServingConnection) -> dict[str, Applied]:
    """What is noted of the objects that the database has, by name; empty before there is any."""
    known = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'objects'"
    if connection.execute(known, [connection.schemas.meta]).fetchone() is None:
        return {}
    rows = connection.execute(connection.schemas.sql("SELECT name, hash, version, state FROM {meta}.objects"))
    return {name: Applied(*noted) for name, *noted in rows.fetchall()}


def _version(noted: str) -> Version:
    """A version as it was noted; one that is none, because somebody wrote it by hand, is older than all."""
    try:
        return Version(noted)
    except InvalidVersion:
        return Version("0")
