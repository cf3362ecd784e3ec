"""The two roles and what they may do.

`ml_reader` reads the contract and nothing else. `ml_writer` owns the tables of releases, because only owners attach
partitions, and keeps the books; it can neither change the contract nor erase history. PUBLIC gets nothing. Where the
connecting role may not create roles, they are taken when an administrator has made them, else noted as missing.
"""

from psycopg import errors, sql

from ml_assets.serving.connection import ServingConnection
from ml_assets.serving.schemas import Schemas


def sync_roles(connection: ServingConnection, *, regrant: bool) -> None:
    """Create missing roles where allowed, and grant where grants are due: after migrations and for new roles."""
    schemas = connection.schemas
    noted: dict[str, bool] = dict(connection.execute(schemas.sql("SELECT role, ready FROM {meta}.roles")).fetchall())
    if not regrant and noted.get(schemas.reader) and noted.get(schemas.writer):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('ml_assets roles', 0))")
        for schema in (schemas.ml, schemas.store, schemas.meta):
            connection.execute(sql.SQL("REVOKE ALL ON SCHEMA {} FROM PUBLIC").format(sql.Identifier(schema)))
        for role in (schemas.reader, schemas.writer):
            problem = _create(connection, role)
            if problem is None and role == schemas.writer:
                problem = _join(connection, role)
            if problem is None:
                _grant_reader(connection, schemas) if role == schemas.reader else _grant_writer(connection, schemas)
            connection.execute(
                schemas.sql(
                    "INSERT INTO {meta}.roles (role, ready, note) VALUES (%s, %s, %s) ON CONFLICT (role) DO UPDATE "
                    "SET ready = excluded.ready, note = excluded.note, noted_at = now()"
                ),
                [role, problem is None, problem or "exists and has its grants"],
            )


def act_as_writer(connection: ServingConnection) -> None:
    """For the rest of the transaction have the writer's rights only, and let it own what is created."""
    schemas = connection.schemas
    row = connection.execute(schemas.sql("SELECT ready FROM {meta}.roles WHERE role = %s"), [schemas.writer]).fetchone()
    if row is not None and row[0]:
        connection.execute(schemas.sql("SET LOCAL ROLE {writer}"))


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
    connection.execute(schemas.sql("GRANT USAGE ON SCHEMA {ml} TO {reader}"))
    connection.execute(schemas.sql("GRANT SELECT ON ALL TABLES IN SCHEMA {ml} TO {reader}"))


def _grant_writer(connection: ServingConnection, schemas: Schemas) -> None:
    for statement in (
        schemas.sql("GRANT USAGE ON SCHEMA {ml}, {store}, {meta} TO {writer}"),
        schemas.sql("GRANT CREATE ON SCHEMA {store} TO {writer}"),
        schemas.sql("GRANT SELECT ON ALL TABLES IN SCHEMA {ml}, {meta} TO {writer}"),
        schemas.sql("GRANT INSERT, UPDATE ON {meta}.releases, {meta}.live, {meta}.live_history TO {writer}"),
        schemas.sql("GRANT INSERT, UPDATE ON {meta}.models, {meta}.observations TO {writer}"),
        schemas.sql("GRANT INSERT, UPDATE, DELETE ON {meta}.freshness_policies TO {writer}"),
        schemas.sql("GRANT UPDATE (timezone, business_days, clock_shift) ON {meta}.shop TO {writer}"),
        schemas.sql("GRANT INSERT, UPDATE, DELETE ON {meta}.holidays, {meta}.source_days TO {writer}"),
        schemas.sql("GRANT INSERT, UPDATE ON {meta}.restatements, {meta}.drift TO {writer}"),
        schemas.sql("GRANT INSERT, UPDATE ON {meta}.incidents, {meta}.messages, {meta}.channels TO {writer}"),
        schemas.sql("GRANT INSERT, UPDATE, DELETE ON {meta}.mutes, {meta}.evaluators TO {writer}"),
    ):
        connection.execute(statement)
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind IN ('r', 'p')",
        [schemas.store],
    ).fetchall()
    for (table,) in tables:
        name = sql.Identifier(table)
        # The views run as their owner, who no longer owns what they read.
        connection.execute(schemas.sql("ALTER TABLE {store}.{table} OWNER TO {writer}", table=name))
        connection.execute(schemas.sql("GRANT SELECT ON {store}.{table} TO CURRENT_USER", table=name))
