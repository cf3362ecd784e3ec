"""The three roles and what they may do.

`ml_reader` reads the contract and nothing else. `ml_writer` owns the tables of releases, because only owners attach
partitions, and keeps the books; it can neither change the contract nor erase history. `ml_merchandiser` reads as well
and edits the rules of reading. PUBLIC gets nothing. Where the connecting role may not create roles, they are taken when
an administrator has made them, else noted as missing.
"""

from typing import LiteralString

from psycopg import errors, sql

from ml_assets.database.connection import ServingConnection
from ml_assets.database.give_way import changing
from ml_assets.database.names import Schemas


def sync_roles(connection: ServingConnection) -> None:
    """Create missing roles where allowed, and grant where grants are due: after migrations and for new roles.

    What the grants are of is noted with them: a command killed between the two leaves them due.
    """
    schemas = connection.schemas
    noted: dict[str, str] = dict(
        connection.execute(schemas.sql("SELECT role, note FROM {meta}.roles WHERE ready")).fetchall()
    )
    state = """
        SELECT (SELECT count(*) FROM {meta}.migrations), (SELECT max(applied_at) FROM {meta}.objects)::text
    """
    tables, applied_at = connection.execute(schemas.sql(state)).fetchall()[0]
    done = f"exists and has its grants, as of {tables} files of tables and the views of {applied_at}"
    grants = {
        schemas.reader: _grant_reader,
        schemas.writer: _grant_writer,
        schemas.merchandiser: _grant_merchandiser,
    }
    if all(noted.get(role) == done for role in grants):
        return
    with changing(connection):
        # Roles belong to the whole server.
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('ml_assets roles', 0))")
        for schema in (schemas.ml, schemas.store, schemas.meta):
            connection.execute(sql.SQL("REVOKE ALL ON SCHEMA {} FROM PUBLIC").format(sql.Identifier(schema)))
        for role, grant in grants.items():
            problem = _create(connection, role)
            if problem is None and role == schemas.writer:
                problem = _join(connection, role)
            if problem is None:
                grant(connection, schemas)
            connection.execute(
                schemas.sql(
                    "INSERT INTO {meta}.roles (role, ready, note) VALUES (%s, %s, %s) ON CONFLICT (role) DO UPDATE "
                    "SET ready = excluded.ready, note = excluded.note, noted_at = now()"
                ),
                [role, problem is None, problem or done],
            )


def _create(connection: ServingConnection, role: str) -> str | None:
    """Why the role does not exist, or None."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        return None
    try:
        with connection.transaction():
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
    except errors.InsufficientPrivilege:
        return f"missing: {connection.info.user} may not create roles; an administrator can: CREATE ROLE {role}"
    except (errors.DuplicateObject, errors.UniqueViolation):
        # Roles belong to the whole server: another database's migration created it at the same moment.
        return None
    return None


def _join(connection: ServingConnection, role: str) -> str | None:
    """Make the connecting role a member, so that it can hand tables over; why not, or None."""
    try:
        with connection.transaction():
            superuser = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
            member = connection.execute("SELECT pg_has_role(current_user, %s, 'USAGE')", [role]).fetchone()
            if not (superuser and superuser[0]) and not (member and member[0]):
                connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
    except errors.InsufficientPrivilege:
        return f"exists, but {connection.info.user} is no member: GRANT {role} TO {connection.info.user}"
    return None


def _grant_reader(connection: ServingConnection, schemas: Schemas) -> None:
    _read_contract(connection, schemas, schemas.reader)


def _grant_merchandiser(connection: ServingConnection, schemas: Schemas) -> None:
    role = schemas.merchandiser
    _read_contract(connection, schemas, role)
    connection.execute(schemas.sql("GRANT USAGE ON SCHEMA {meta} TO {merchandiser}"))
    _grant(connection, role, "SELECT, INSERT, UPDATE, DELETE", "rules", "purchases", "opt_outs")
    _grant(connection, role, "SELECT, INSERT, UPDATE", "reason_templates")


def _grant_writer(connection: ServingConnection, schemas: Schemas) -> None:
    role = schemas.writer
    _read_contract(connection, schemas, role)
    connection.execute(schemas.sql("GRANT USAGE ON SCHEMA {store}, {meta} TO {writer}"))
    connection.execute(schemas.sql("GRANT CREATE ON SCHEMA {store} TO {writer}"))
    connection.execute(schemas.sql("GRANT SELECT ON ALL TABLES IN SCHEMA {meta} TO {writer}"))
    _grant(connection, role, "INSERT, UPDATE", "releases", "live", "live_history", "models", "observations")
    _grant(connection, role, "INSERT, UPDATE", "placements", "erased_customers", "erasures")
    _grant(connection, role, "INSERT, UPDATE, DELETE", "freshness_policies", "rules", "purchases", "opt_outs")
    _grant(connection, role, "UPDATE (timezone, business_days, clock_shift)", "shop")
    _grant(connection, role, "INSERT, UPDATE", "restatements", "drift", "incidents", "messages", "channels")
    _grant(connection, role, "INSERT, UPDATE, DELETE", "holidays", "source_days", "mutes", "evaluators")
    connection.execute(schemas.sql("GRANT EXECUTE ON FUNCTION {meta}.pointer_moved() TO {writer}"))
    connection.execute(schemas.sql("GRANT EXECUTE ON FUNCTION {meta}.hold_off_erasure() TO {writer}"))
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind IN ('r', 'p') "
        "AND relowner <> (SELECT oid FROM pg_roles WHERE rolname = %s)",
        [schemas.store, role],
    ).fetchall()
    for (table,) in tables:
        name = sql.Identifier(table)
        # The views run as their owner, who no longer owns what they read.
        connection.execute(schemas.sql("ALTER TABLE {store}.{table} OWNER TO {writer}", table=name))
        connection.execute(schemas.sql("GRANT SELECT ON {store}.{table} TO CURRENT_USER", table=name))


def _read_contract(connection: ServingConnection, schemas: Schemas, role: str) -> None:
    name = sql.Identifier(role)
    for what in ("USAGE ON SCHEMA", "SELECT ON ALL TABLES IN SCHEMA", "EXECUTE ON ALL FUNCTIONS IN SCHEMA"):
        connection.execute(sql.SQL("GRANT {} {} TO {}").format(sql.SQL(what), sql.Identifier(schemas.ml), name))


def _grant(connection: ServingConnection, role: str, rights: LiteralString, *tables: str) -> None:
    """Grant rights on tables of the books."""
    for table in tables:
        name = sql.Identifier(connection.schemas.meta, table)
        connection.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(rights), name, sql.Identifier(role)))
