"""The role that owns everything of a shop in the database, and that nobody logs in as.

Functions that run with their owner's rights, and triggers, then have the rights of a role that can do nothing else.
Making the role, and handing over what another role owns, belongs here; what the others may do is in `roles.py`. Where
the connecting role may not create roles, it owns everything itself until an administrator has made the owner.
"""

from psycopg import errors, sql

from ml_assets.contract.foreign_code import refuse_foreign_code
from ml_assets.contract.shop_columns import columns_read, let_owner_read
from ml_assets.database.connection import ServingConnection
from ml_assets.database.give_way import close_views

# Everything with an owner of its own in the schemas of a shop; sequences of identity columns go with their table.
OWNED = """
    SELECT 'SCHEMA' AS kind, quote_ident(n.nspname) AS name, n.nspowner AS owner
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname = ANY (%(schemas)s)
    UNION ALL
    SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
        format('%%I.%%I', n.nspname, c.relname), c.relowner
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'p', 'v', 'S')
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'i' AND c.relkind = 'S'
        )
    UNION ALL
    SELECT 'FUNCTION', p.oid::regprocedure::text, p.proowner
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname = ANY (%(schemas)s)
"""


def why_no_owner(connection: ServingConnection) -> str | None:
    """Make the owner where it is missing, and the connecting role its member; why it cannot own, or None."""
    role = connection.schemas.owner
    problem = create_role(connection, role) or join_role(connection, role)
    if problem is not None or is_owned(connection):
        return problem
    # Views run with their owner's rights, so the owner must be able to read what they read.
    for table, columns in columns_read(connection):
        if grants := let_owner_read(connection, table, columns):
            return f"exists, but may not read {'.'.join(table)}, as the views do: {grants}"
    return None


def is_owned(connection: ServingConnection) -> bool:
    """Whether nothing of the shop belongs to another role than the owner."""
    query = sql.SQL("SELECT count(*) FROM ({}) AS o WHERE o.owner <> quote_ident(%(role)s)::regrole").format(
        sql.SQL(OWNED)
    )
    row = connection.execute(query, {"schemas": _schemas(connection), "role": connection.schemas.owner}).fetchone()
    return row is not None and row[0] == 0


def take_over(connection: ServingConnection) -> None:
    """Hand everything over to the owner, in a transaction that gives way, with no reader in the views.

    Raises `UserError` where code of a lesser role hangs on it, which would then run with the owner's rights.
    """
    close_views(connection)
    refuse_foreign_code(connection)
    owner = sql.Identifier(connection.schemas.owner)
    query = sql.SQL("SELECT kind, name FROM ({}) AS o WHERE o.owner <> quote_ident(%(role)s)::regrole").format(
        sql.SQL(OWNED)
    )
    found = connection.execute(query, {"schemas": _schemas(connection), "role": connection.schemas.owner})
    for kind, name in found.fetchall():
        connection.execute(sql.SQL("ALTER {} {} OWNER TO {}").format(sql.SQL(kind), sql.SQL(name), owner))


def create_role(connection: ServingConnection, role: str) -> str | None:
    """Why a role does not exist, or None."""
    if connection.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", [role]).fetchone():
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


def join_role(connection: ServingConnection, role: str) -> str | None:
    """Make the connecting role a member that can take the role; why not, or None."""
    # Since PostgreSQL 16 a member may have a role's rights without being able to take it, and the other way round.
    take = "SET" if connection.info.server_version >= 160000 else "MEMBER"
    member = "SELECT pg_has_role(current_user, %(role)s, 'USAGE') AND pg_has_role(current_user, %(role)s, %(take)s)"
    try:
        with connection.transaction():
            row = connection.execute(member, {"role": role, "take": take}).fetchone()
            if row is None or not row[0]:
                connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
    except errors.InsufficientPrivilege:
        return f"exists, but {connection.info.user} is no member: GRANT {role} TO {connection.info.user}"
    return None


def _schemas(connection: ServingConnection) -> list[str]:
    schemas = connection.schemas
    return [schemas.ml, schemas.store, schemas.meta]
