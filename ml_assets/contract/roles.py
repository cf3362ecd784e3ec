"""The roles and their grants: made where they are missing, brought to what `rights.py` says.

`ml_owner` owns everything and nobody logs in as it (`owner.py`). `ml_reader` reads the contract and nothing else.
`ml_writer` publishes and keeps the books; it can neither change the contract nor rewrite history. `ml_merchandiser`
reads as well and edits the rules of reading, `ml_exposure` tells what was shown and reads nothing. PUBLIC gets nothing.
Where the connecting role may not create roles, they are taken when an administrator has made them, else noted as
missing.
"""

from collections.abc import Sequence

from psycopg import sql

from ml_assets.contract.owner import create_role, join_role
from ml_assets.contract.rights import EXPOSURE_FUNCTIONS, MERCHANDISER, WRITER, WRITER_FUNCTIONS, Rights
from ml_assets.contract.state import state_of_grants
from ml_assets.contract.temporary_tables import close_temporary_tables
from ml_assets.database.ask import one_row
from ml_assets.database.connection import ServingConnection
from ml_assets.database.give_way import changing
from ml_assets.database.names import Schemas
from ml_assets.database.rights import become_owner
from ml_assets.subjects import PUBLISHED


def sync_roles(connection: ServingConnection, why_no_owner: str | None) -> None:
    """Create missing roles where allowed, and grant where grants are due: after migrations, for new roles, and where
    somebody has granted or revoked.

    What the grants are of is noted with them: a command killed between the two leaves them due.
    """
    schemas = connection.schemas
    known = "SELECT role, note, grants FROM {meta}.roles WHERE ready"
    noted = {role: tuple(note) for role, *note in connection.execute(schemas.sql(known)).fetchall()}
    state = """
        SELECT (SELECT count(*) FROM {meta}.migrations), (SELECT max(applied_at) FROM {meta}.objects)::text
    """
    tables, applied_at = one_row(connection, state)
    done = f"exists and has its grants, as of {tables} files of tables and the views of {applied_at}"
    grants = state_of_grants(connection)
    roles = (schemas.owner, schemas.reader, schemas.writer, schemas.merchandiser, schemas.exposure)
    if all(noted.get(role) == (done, grants) for role in roles):
        return
    problems = {schemas.owner: why_no_owner}
    with changing(connection):
        for role in roles[1:]:
            problems[role] = create_role(connection, role)
        problems[schemas.writer] = problems[schemas.writer] or join_role(connection, schemas.writer)
        temporary = close_temporary_tables(connection, [role for role in roles if not _is_missing(problems[role])])
        closed = [role for role in roles[1:] if not _is_missing(problems[role])]
        if why_no_owner is None:
            become_owner(connection)
            # Before there was an owner it had rights of its own to read what it handed over.
            closed.append(connection.info.user)
        _close(connection, closed)
        for role, rights in ((schemas.reader, {}), (schemas.writer, WRITER), (schemas.merchandiser, MERCHANDISER)):
            if problems[role] is None:
                _grant(connection, role, rights)
        if problems[schemas.writer] is None:
            _grant_publishing(connection, schemas)
        if problems[schemas.exposure] is None:
            connection.execute(schemas.sql("GRANT USAGE ON SCHEMA {ml} TO {exposure}"))
            _grant_functions(connection, schemas.ml, EXPOSURE_FUNCTIONS, schemas.exposure)
        notes = {role: (problem is None, problem or done) for role, problem in problems.items()}
        note = """
            INSERT INTO {meta}.roles (role, ready, note, grants) VALUES (%s, %s, %s, %s) ON CONFLICT (role) DO UPDATE
            SET ready = excluded.ready, note = excluded.note, grants = excluded.grants, noted_at = now()
        """
        grants = state_of_grants(connection)
        for role, (ready, text) in (notes | temporary).items():
            connection.execute(schemas.sql(note), [role, ready, text, grants])


def _is_missing(problem: str | None) -> bool:
    return problem is not None and problem.startswith("missing")


def _close(connection: ServingConnection, roles: list[str]) -> None:
    """Take from PUBLIC and these roles what any version granted them; the owner keeps all."""
    schemas = connection.schemas
    for schema in (schemas.ml, schemas.store, schemas.meta):
        name = sql.Identifier(schema)
        # Which functions everybody may execute, their files say.
        for what in ("SCHEMA", "ALL TABLES IN SCHEMA"):
            connection.execute(sql.SQL("REVOKE ALL ON {} {} FROM PUBLIC").format(sql.SQL(what), name))
        for role in roles:
            for what in ("SCHEMA", "ALL TABLES IN SCHEMA", "ALL FUNCTIONS IN SCHEMA"):
                revoke = sql.SQL("REVOKE ALL ON {} {} FROM {}").format(sql.SQL(what), name, sql.Identifier(role))
                connection.execute(revoke)


def _grant(connection: ServingConnection, role: str, rights: Rights) -> None:
    """Reading the contract, and rights on tables of the books and of the lists."""
    name, schemas = sql.Identifier(role), connection.schemas
    for what in ("USAGE ON SCHEMA", "SELECT ON ALL TABLES IN SCHEMA", "EXECUTE ON ALL FUNCTIONS IN SCHEMA"):
        connection.execute(sql.SQL("GRANT {} {} TO {}").format(sql.SQL(what), sql.Identifier(schemas.ml), name))
    for function in _functions(connection, schemas.ml, EXPOSURE_FUNCTIONS):
        connection.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM {}").format(function, name))
    if rights:
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schemas.meta), name))
    for table, granted in rights.items():
        schema, _, short = table.rpartition(".")
        where = sql.Identifier(schemas.store if schema else schemas.meta, short)
        connection.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(granted), where, name))


def _grant_publishing(connection: ServingConnection, schemas: Schemas) -> None:
    """The writer's functions, and reading what is published; filling a new partition is granted with it."""
    connection.execute(schemas.sql("GRANT USAGE ON SCHEMA {store} TO {writer}"))
    query = """
        SELECT c.relname
        FROM pg_catalog.pg_class AS c
        LEFT JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = c.oid
        LEFT JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent
        WHERE c.relnamespace = quote_ident(%(store)s)::regnamespace AND c.relkind IN ('r', 'p')
            AND coalesce(p.relname, c.relname) = ANY (%(subjects)s)
    """
    names = {"store": schemas.store, "subjects": list(PUBLISHED)}
    for (table,) in connection.execute(query, names).fetchall():
        connection.execute(schemas.sql("GRANT SELECT ON {store}.{table} TO {writer}", table=sql.Identifier(table)))
    _grant_functions(connection, schemas.meta, WRITER_FUNCTIONS, schemas.writer)


def _grant_functions(connection: ServingConnection, schema: str, names: Sequence[str], role: str) -> None:
    for function in _functions(connection, schema, names):
        grant = sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}")
        connection.execute(grant.format(function, sql.Identifier(role)))


def _functions(connection: ServingConnection, schema: str, names: Sequence[str]) -> list[sql.SQL]:
    """The functions of these names with their arguments, as they are written in a statement."""
    query = """
        SELECT p.oid::regprocedure::text
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = quote_ident(%s)::regnamespace AND p.proname = ANY (%s)
    """
    return [sql.SQL(function) for (function,) in connection.execute(query, [schema, list(names)]).fetchall()]
