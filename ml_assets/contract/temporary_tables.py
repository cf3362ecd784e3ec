"""Temporary tables: by default PostgreSQL lets everybody who may connect fill the disk with them.

Only closing that belongs here. It is a right of everybody on the whole database, so it is taken once, by a connecting
role that owns the database, and only where no login is there but those of ml_assets: applications of the shop may use
temporary tables.
"""

from psycopg import sql

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection

PUBLIC = "PUBLIC"
# Of another shop in the same database too.
OTHERS = """
    SELECT string_agg(quote_ident(r.rolname), ', ' ORDER BY r.rolname)
    FROM pg_catalog.pg_roles AS r
    WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> session_user
        AND has_database_privilege(r.oid, current_database(), 'CONNECT')
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_auth_members AS m JOIN pg_catalog.pg_roles AS g ON g.oid = m.roleid
            WHERE m.member = r.oid AND g.rolname ~ '(^|_)ml_(owner|reader|writer|merchandiser|exposure)$'
        )
"""


def close_temporary_tables(connection: ServingConnection, roles: list[str]) -> dict[str, tuple[bool, str]]:
    """Leave them to those of our `roles` that need them, where that may be; whether it is done, and a note."""
    schemas, name = connection.schemas, connection.info.dbname
    database = sql.Identifier(name)
    done = f"may make no temporary tables in the database {name}"
    owns = "SELECT d.datdba = current_user::regrole FROM pg_catalog.pg_database AS d WHERE d.datname = %s"
    by_hand = sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database).as_string(connection)
    if not one(connection, owns, [name]):
        return {PUBLIC: (False, f"may make temporary tables; the owner of the database can forbid it: {by_hand}")}
    for role in roles:
        if role != schemas.reader:
            grant = sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(database, sql.Identifier(role))
            connection.execute(grant)
    # Whoever grants it to PUBLIC again is not overruled.
    if not one(connection, "SELECT EXISTS (SELECT FROM {meta}.roles WHERE role = %s AND note = %s)", [PUBLIC, done]):
        if others := one(connection, OTHERS):
            return {PUBLIC: (False, f"may make temporary tables, which {others} may need; to forbid it: {by_hand}")}
        connection.execute(by_hand.encode())
    return {PUBLIC: (True, done)}
