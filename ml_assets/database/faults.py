"""What went wrong with a connection, as sentences for people, without the password.

Only the wording belongs here. A URL that libpq does not understand is never quoted: pieces of an unescaped password
would appear as host, port or database.
"""

import psycopg
from psycopg import ProgrammingError, conninfo, errors

from ml_assets.errors import PassingError, UserError

# Words of libpq and the server -> what it means, and what to do. The first that fits is told.
FAULTS = (
    ("password authentication failed", "refused the user or the password", "Check both in DATABASE_URL."),
    ("no password supplied", "wants a password", "Add it to DATABASE_URL, or set PGPASSWORD or ~/.pgpass."),
    (
        "pg_hba.conf",
        "does not admit this user from this machine",
        "Ask its administrator for access; where the reason says no encryption, sslmode=require may do.",
    ),
    ("server does not support SSL", "offers no TLS", "Use sslmode=prefer, or switch TLS on in the server."),
    ("certificate", "and its TLS certificate do not go together", "Check sslmode, sslrootcert and the host's name."),
    ("SSL", "and TLS do not go together", "Check sslmode and the certificates in DATABASE_URL."),
    ("too many", "has no connection left", "Raise max_connections, or close some."),
    ("starting up", "is still starting", "Try again in a moment."),
    ("in recovery mode", "is still starting", "Try again in a moment."),
    ("shutting down", "is shutting down", "Start it again."),
    ("role ", "does not know this user", "Create the role, or mend the user in DATABASE_URL."),
    ("database ", "has no such database", "Create it, or mend its name in DATABASE_URL."),
    ("not translate host name", "has a host name that does not exist", "Check the host in DATABASE_URL."),
    ("Name or service not known", "has a host name that does not exist", "Check the host in DATABASE_URL."),
    ("Connection refused", "does not listen there", "Check host and port, and that the server runs."),
    ("No such file", "has no socket there", "Check the host folder, and that the server runs."),
    ("timeout", "did not answer in time", "Check host, port and firewall."),
)
# A session that cannot begin for want of space is refused without a code.
NO_SPACE = "No space left on device"
# Those meanings that stay true until a person mends something.
LASTING = (
    "refused the user or the password",
    "wants a password",
    "does not admit this user from this machine",
    "offers no TLS",
    "and its TLS certificate do not go together",
    "does not know this user",
    "has no such database",
)


def explain_url_fault(url: str) -> UserError | None:
    """The fault of a URL that cannot be read, or reads differently than its author meant."""
    next_step = "Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE with @ : / ? # % in the password percent-encoded."
    problem = UserError(
        "DATABASE_URL cannot be read as the address of a PostgreSQL database.", next_step, code="settings.wrong"
    )
    scheme, separator, rest = url.partition("://")
    if separator and " " not in scheme:
        if scheme.partition("+")[0] not in ("postgresql", "postgres"):
            return UserError(
                "DATABASE_URL is not the address of a PostgreSQL database.", next_step, code="settings.wrong"
            )
        authority, _, path = rest.partition("/")
        if authority.count("@") > 1 or "@" in path.partition("?")[0] or "#" in authority:
            return problem
        url = f"postgresql://{rest}"
    try:
        parts = conninfo.conninfo_to_dict(url)
    except ProgrammingError:
        return problem
    ports = str(parts.get("port", "")).replace(",", "")
    return problem if ports and not ports.isdigit() else None


def explain_connection_fault(url: str, message: str) -> UserError:
    """One sentence with the place and libpq's reason, and what to do."""
    scheme, separator, rest = url.partition("://")
    parts = conninfo.conninfo_to_dict(f"{scheme.partition('+')[0]}{separator}{rest}")
    reason = _last_reason(message)
    if password := parts.get("password"):
        reason = reason.replace(str(password), "***")
    if NO_SPACE in reason:
        return no_space(reason)
    place = f"{parts.get('host', 'the default host')}, database {parts.get('dbname', 'by default')}"
    for words, meaning, next_step in FAULTS:
        if words in reason:
            kind = UserError if meaning in LASTING else PassingError
            return kind(f"The PostgreSQL at {place} {meaning} ({reason}).", next_step)
    return PassingError(
        f"The PostgreSQL at {place} cannot be used ({reason}).",
        "Check DATABASE_URL and the server.",
        code="database.unreachable",
    )


def explain_statement_fault(error: psycopg.Error) -> UserError | None:
    """What a statement met that no statement of ours should meet; None of faults that have other words elsewhere."""
    primary = (error.diag.message_primary or str(error).strip().splitlines()[0]).rstrip(".")
    if isinstance(error, errors.DiskFull):
        return no_space(primary)
    # A view or a function that is gone comes back by itself; nobody but a person takes a table away.
    if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn | errors.UndefinedFunction):
        return changed_by_hand(primary)
    return None


def no_space(what: str) -> UserError:
    """The disk of the database is full; `what` is the server's message, or a driver's line that ends with it."""
    reason = what.rpartition("FATAL:")[2].strip()
    return UserError(
        f"The database has no space left on its disk: {reason}.",
        "Free some there and run the command again; what readers see is whole.",
        code="database.full",
    )


def changed_by_hand(what: str) -> UserError:
    """The schemas are not as they were set up."""
    return UserError(
        f"The database is not as ml-assets set it up; somebody has changed it by hand: {what}.",
        "Restore it from a backup, or undo the change. Views and functions that are gone come back by themselves.",
        code="database.damaged",
    )


def lost_connection(what: str) -> PassingError:
    """The server went away, or ended the session."""
    return PassingError(
        f"The connection to the database was lost: {what.strip().splitlines()[0].rstrip('.')}.",
        "Nothing half-done was kept; run the command again when the database is back.",
        code="database.unreachable",
    )


def _last_reason(message: str) -> str:
    """The last attempt's line: libpq tells every host and every TLS fallback it tried."""
    lines = [line.strip() for line in message.splitlines() if line.strip() and not line.lstrip().startswith("Is the")]
    lines = [line for line in lines if "Multiple connection attempts" not in line]
    return lines[-1].rstrip(".").replace("- host:", "host:") if lines else "no reason given"
