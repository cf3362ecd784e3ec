"""Logins that read: made with the limits that a role of a group cannot give its members.

What `ml_reader` may do is in `rights.py`.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from psycopg import errors, sql

from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.settings.durations import plain_duration


@dataclass(frozen=True)
class Limits:
    """What a login may take of the server; sessions may change the times, not the number."""

    connections: int = 40
    statement: timedelta = timedelta(seconds=10)
    idle_in_transaction: timedelta = timedelta(minutes=1)


def add_reader(connection: ServingConnection, name: str, limits: Limits) -> str:
    """Make a login that is a member of the reader; its password, which is kept nowhere.

    Raises `UserError` where there is such a role, or the connecting role may not make any.
    """
    schemas, login = connection.schemas, sql.Identifier(name)
    password = secrets.token_urlsafe(24)
    # Encrypted here: the statement may be logged.
    secret = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    try:
        with connection.transaction():
            create = "CREATE ROLE {} LOGIN PASSWORD {} CONNECTION LIMIT {}"
            connection.execute(sql.SQL(create).format(login, sql.Literal(secret), sql.Literal(limits.connections)))
            connection.execute(schemas.sql("GRANT {reader} TO {login}", login=login))
            for setting, longest in (
                ("statement_timeout", limits.statement),
                ("idle_in_transaction_session_timeout", limits.idle_in_transaction),
            ):
                alter = sql.SQL("ALTER ROLE {} SET {} = {}")
                time = sql.Literal(f"{int(longest.total_seconds() * 1000)}ms")
                connection.execute(alter.format(login, sql.Identifier(setting), time))
    except errors.DuplicateObject:
        raise UserError(
            f"The server has a role {name} already.",
            f"Choose another name, or give it the rights: GRANT {schemas.reader} TO {login.as_string(connection)}. "
            "Limits for it are in docs/security.md.",
        ) from None
    except errors.InsufficientPrivilege as error:
        raise UserError(
            f"{connection.info.user} may not make logins: {error.diag.message_primary}.",
            "Let an administrator run the statements in docs/security.md.",
            code="database.rights",
        ) from None
    return password


def in_words(limits: Limits) -> str:
    """The limits as half a sentence."""
    return (
        f"at most {limits.connections} connections, {plain_duration(limits.statement)} for a statement, "
        f"{plain_duration(limits.idle_in_transaction)} idle in a transaction"
    )
