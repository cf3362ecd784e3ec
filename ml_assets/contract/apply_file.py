"""Applying one SQL file of the contract, and saying what PostgreSQL refuses in it.

Only a single file belongs here; which are due, and in which order, is in `migrate.py` and `objects.py`.
"""

import psycopg
from psycopg import errors

from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError

# What is wrong with the text, or with what it is applied to; not locks, rights, disks or the connection.
REFUSED = (
    psycopg.ProgrammingError,
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.NotSupportedError,
    errors.DependentObjectsStillExist,
)


def apply_file(connection: ServingConnection, name: str, text: str) -> None:
    """Execute a file's text, with everything filled in; `name` is its path below `contract/`, without the ending.

    Raises `UserError` that names the file, the line and PostgreSQL's words.
    """
    try:
        connection.execute(text.encode())
    except errors.InsufficientPrivilege:
        # Those who set the database up have words for it.
        raise
    except REFUSED as error:
        raise UserError(
            f"PostgreSQL refuses ml_assets/contract/{name}.sql{_line(text, error)}: {words(error)}.",
            "Mend the file. Nothing of it was kept.",
            code="contract.wrong",
        ) from error


def words(error: psycopg.Error) -> str:
    """PostgreSQL's own sentence, with its detail and hint."""
    told = (error.diag.message_primary or str(error), error.diag.message_detail, error.diag.message_hint)
    return "; ".join(" ".join(part.split()).rstrip(".") for part in told if part)


def _line(text: str, error: psycopg.Error) -> str:
    """Where it is, as PostgreSQL counts: characters of the whole text, from 1."""
    place = error.diag.statement_position
    if place is None:
        return ""
    before = text[: int(place) - 1]
    line = text.splitlines()[before.count("\n")].strip()
    return f", line {before.count(chr(10)) + 1} ({line})"
