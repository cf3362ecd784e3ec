"""Views and functions: one file each, applied again when its text changed.

Finding, filling in and applying them belongs here; their tables are in `tables/` (`migrate.py`). `order.txt` names the
files in the order of their needs. All from the first one that changed on are applied again, because those after it may
stand on it.
"""

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata, resources
from itertools import dropwhile

from packaging.version import InvalidVersion, Version
from psycopg import errors, sql

from ml_assets.contract.apply_file import apply_file, words
from ml_assets.contract.files import fill, read_files
from ml_assets.database.connection import ServingConnection
from ml_assets.database.faults import changed_by_hand
from ml_assets.database.give_way import changing, close_views, until_there_is_room
from ml_assets.database.names import Schemas
from ml_assets.database.rights import act_as_owner
from ml_assets.errors import UserError

VERSION = Version(metadata.version("ml_assets"))
# What only the settings know (`shop_tables.py`). Without them such an object stays as it is.
FROM_SETTINGS = ("unavailable_in_the_shop", "bought_in_the_shop")
# What a file names, and the database has not.
UNDEFINED = (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction)


@dataclass(frozen=True)
class SqlObject:
    """One file with a view or function, the comments and grants it has, and the triggers that call it.

    `values` are its own placeholders, where one file makes several objects.
    """

    name: str
    text: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Of the file, below `contract/`, without the ending."""
        return _path(self.name)

    @property
    def needs_settings(self) -> bool:
        """Whether a part of it comes from the settings."""
        return any(f":{word}" in self.text for word in FROM_SETTINGS)

    def sql(self, schemas: Schemas, values: Mapping[str, str]) -> str:
        """The text with everything filled in."""
        return fill(self.path, self.text, schemas, {**dict.fromkeys(FROM_SETTINGS, ""), **values, **self.values})


def delivered_objects() -> list[SqlObject]:
    """The files of the installed package in the order of `order.txt`."""
    texts = {f"{folder}/{name}": text for folder in ("functions", "views") for name, text in read_files(folder).items()}
    order = (resources.files("ml_assets.contract") / "order.txt").read_text(encoding="utf-8")
    return in_order(order, texts)


def in_order(order: str, texts: Mapping[str, str]) -> list[SqlObject]:
    """Objects as the lines of an order say: a path, and values of placeholders after it; texts by path.

    Raises `UserError` for a line that names no file, and for a file that no line names.
    """
    objects = []
    for number, line in enumerate(order.splitlines(), start=1):
        try:
            path, *values = shlex.split(line, comments=True) or [""]
            pairs = dict(value.split("=", 1) for value in values)
        except ValueError as error:
            raise _wrong_order(f"line {number} ({line}) is no path with word=value after it") from error
        if path and path not in texts:
            raise _wrong_order(f"line {number} names {path}, but there is no such file")
        if path:
            name = f"{path} ({pairs['view']})" if "view" in pairs else path
            objects.append(SqlObject(name, texts[path], pairs))
    named = [each.name for each in objects]
    if twice := [name for name in named if named.count(name) > 1]:
        raise _wrong_order(f"{twice[0]} stands there twice")
    if unordered := set(texts) - {each.path for each in objects}:
        raise _wrong_order(f"no line names {', '.join(sorted(unordered))}")
    return objects


def _wrong_order(problem: str) -> UserError:
    return UserError(
        f"ml_assets/contract/order.txt: {problem}.",
        "It names each file of views/ and functions/ once, after what it reads.",
        code="contract.wrong",
    )


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
) -> list[tuple[str, str]]:
    """Names and texts of what is to be applied: all from the first on that the database does not have so.

    `mapped` is empty where the settings are not known. Raises `UserError` where a newer ml-assets applied them.
    """
    have = _applied(connection)
    there = _existing(connection) if have else set()
    wanted = [
        (each.name, each.sql(connection.schemas, {**types, **mapped}))
        for each in objects
        if mapped or not each.needs_settings or each.name not in have or _made_by(each.name) not in there
    ]

    def is_as_wanted(one: tuple[str, str]) -> bool:
        return one[0] in have and have[one[0]][0] == _hash(one[1]) and _made_by(one[0]) in there

    missing = list(dropwhile(is_as_wanted, wanted))
    newest = max((_version(of) for _, of in have.values()), default=VERSION)
    if missing and newest > VERSION:
        raise UserError(
            f"The views of the database are those of ml-assets {newest}, this one is {VERSION}.",
            "Upgrade ml-assets on this machine.",
            code="database.newer",
        )
    return missing


def apply(connection: ServingConnection, missing: list[tuple[str, str]]) -> list[str]:
    """Apply objects within a transaction and note them; their names.

    Raises `UserError` where a file is wrong, or an object cannot take the place of what is there.
    """
    note = """
        INSERT INTO {meta}.objects (name, hash, version, applied_by)
        VALUES (%(name)s, %(hash)s, %(version)s, session_user)
        ON CONFLICT (name) DO UPDATE
        SET hash = excluded.hash, version = excluded.version, applied_at = now(), applied_by = excluded.applied_by
    """
    have = _applied(connection)
    is_known = all(have.get(name, ("", ""))[0] == _hash(text) for name, text in missing)
    for name, text in missing:
        try:
            apply_file(connection, _path(name), text)
        except UserError as error:
            if is_known and isinstance(error.__cause__, UNDEFINED):
                # The files are as they were when all of them could be applied.
                raise changed_by_hand(words(error.__cause__)) from error
            if _is_in_the_way(error.__cause__):
                raise _cannot_replace(name, error) from error
            raise
        facts = {"name": name, "hash": _hash(text), "version": str(VERSION)}
        connection.execute(connection.schemas.sql(note), facts)
    return [name for name, _ in missing]


def _is_in_the_way(cause: BaseException | None) -> bool:
    """Whether what a file makes differs too much from what is there; a wrong function has the code, but no hint."""
    if isinstance(cause, errors.InvalidFunctionDefinition):
        return cause.diag.message_hint is not None
    return isinstance(cause, errors.InvalidTableDefinition)


def _cannot_replace(name: str, error: UserError) -> UserError:
    return UserError(
        f"{name} cannot replace what the database has. {error.problem}",
        "Readers may use what it takes away. Raise the version in views/contract_version.sql, and add a "
        "numbered file to tables/ that drops the old one (CONTRIBUTING.md says how).",
        code="contract.wrong",
    )


def _applied(connection: ServingConnection) -> dict[str, tuple[str, str]]:
    """Hash and ml-assets' version of each object that the database has; empty before there is any."""
    known = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'objects'"
    if connection.execute(known, [connection.schemas.meta]).fetchone() is None:
        return {}
    rows = connection.execute(connection.schemas.sql("SELECT name, hash, version FROM {meta}.objects")).fetchall()
    return {name: (digest, version) for name, digest, version in rows}


def _existing(connection: ServingConnection) -> set[str]:
    """Names of the views and functions that are there: one may have been dropped by hand."""
    query = """
        SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = ANY (%(schemas)s::regnamespace[])
        UNION ALL
        SELECT proname FROM pg_proc WHERE pronamespace = ANY (%(schemas)s::regnamespace[])
    """
    names = [sql.Identifier(name).as_string(connection) for name in (connection.schemas.ml, connection.schemas.meta)]
    return {name for (name,) in connection.execute(query, {"schemas": names}).fetchall()}


def _version(noted: str) -> Version:
    """A version as it was noted; one that is none, because somebody wrote it by hand, is older than all."""
    try:
        return Version(noted)
    except InvalidVersion:
        return Version("0")


def _path(name: str) -> str:
    """The file that an object stands in."""
    return name.partition(" ")[0]


def _made_by(name: str) -> str:
    """The view or function that an object's file makes."""
    path, _, view = name.partition(" ")
    return view.strip("()") or path.rpartition("/")[2]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
