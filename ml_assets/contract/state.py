"""What views, functions, triggers and grants are in the database, as digests that tell whether somebody changed them.

Only looking belongs here. What was there after files were applied and rights granted is noted by `objects.py` and
`roles.py`, which bring back what is no longer so.
"""

from psycopg import sql

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.subjects import PUBLISHED

# Triggers on partitions come and go with them. The order is of names: numbers are others in a restored database.
OBJECTS = """
    WITH triggers AS (
        SELECT t.tgfoid, string_agg(concat(pg_get_triggerdef(t.oid), t.tgenabled), E'\\n' ORDER BY c.relname, t.tgname)
            AS words
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = ANY ({schemas}::regnamespace[]) AND NOT t.tgisinternal AND t.tgparentid = 0
        GROUP BY 1
    ),
    words AS (
        SELECT c.relname AS name, concat_ws(E'\\n', pg_get_viewdef(c.oid), c.reloptions, string_agg(
            concat_ws(' ', d.objsubid, d.description), E'\\n' ORDER BY d.objsubid
        )) AS words
        FROM pg_class AS c
        LEFT JOIN pg_description AS d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass
        WHERE c.relkind = 'v' AND c.relnamespace = ANY ({schemas}::regnamespace[])
        GROUP BY c.oid, c.relname, c.reloptions
        UNION ALL
        SELECT p.proname, concat_ws(
            E'\\n', pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'), t.words, EXISTS (
                SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS g WHERE g.grantee = 0
            )
        )
        FROM pg_proc AS p
        LEFT JOIN triggers AS t ON t.tgfoid = p.oid
        WHERE p.prokind = 'f' AND p.pronamespace = ANY ({schemas}::regnamespace[])
    )
    SELECT name, md5(string_agg(words, E'\\n' ORDER BY words)) FROM words GROUP BY name
"""
# Of the lists only the tables that stay: partitions get their grants when they are made. Functions that PUBLIC may
# execute are in their files.
GRANTS = """
    WITH ours AS (
        SELECT c.oid, c.relname, c.relacl
        FROM pg_class AS c
        WHERE c.relnamespace = ANY ({schemas}::regnamespace[]) AND NOT c.relispartition
            AND (c.relnamespace <> {store}::regnamespace OR c.relname = ANY ({stored}))
    ),
    granted AS (
        SELECT o.relname AS name, g.* FROM ours AS o CROSS JOIN LATERAL aclexplode(o.relacl) AS g
        UNION ALL
        SELECT concat(o.relname, '.', a.attname), g.*
        FROM ours AS o
        JOIN pg_attribute AS a ON a.attrelid = o.oid AND a.attacl IS NOT NULL
        CROSS JOIN LATERAL aclexplode(a.attacl) AS g
        UNION ALL
        SELECT p.proname, g.*
        FROM pg_proc AS p
        CROSS JOIN LATERAL aclexplode(p.proacl) AS g
        WHERE p.pronamespace = ANY ({schemas}::regnamespace[]) AND g.grantee <> 0
        UNION ALL
        SELECT n.nspname, g.*
        FROM pg_namespace AS n
        CROSS JOIN LATERAL aclexplode(n.nspacl) AS g
        WHERE n.oid = ANY ({schemas}::regnamespace[])
    )
    SELECT coalesce(md5(string_agg(concat_ws(' ', g.name, r.rolname, g.privilege_type, g.is_grantable), E'\\n' ORDER BY
        g.name, r.rolname, g.privilege_type, g.is_grantable)), '')
    FROM granted AS g
    LEFT JOIN pg_roles AS r ON r.oid = g.grantee
    WHERE g.grantee = 0 OR r.rolname = ANY ({roles})
"""


def state_of_objects(connection: ServingConnection) -> dict[str, str]:
    """For each view and function its definition with comments, triggers and what PUBLIC may, as a digest; by name."""
    # Definitions are written as the search path has it, and with a pooler that is not always ours.
    path = "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true); "
    schemas = connection.schemas
    query = sql.SQL(path) + sql.SQL(OBJECTS).format(schemas=_names(connection, schemas.ml, schemas.meta))
    cursor = connection.execute(query)
    cursor.nextset()
    return dict(cursor.fetchall())


def state_of_grants(connection: ServingConnection) -> str:
    """What reader, writer, merchandiser, exposure and PUBLIC may, as a digest."""
    schemas = connection.schemas
    query = sql.SQL(GRANTS).format(
        schemas=_names(connection, schemas.ml, schemas.store, schemas.meta),
        store=sql.Literal(sql.Identifier(schemas.store).as_string(connection)),
        stored=sql.Literal([*PUBLISHED, "items", "segments", "experiment_customers", "exposures"]),
        roles=sql.Literal([schemas.reader, schemas.writer, schemas.merchandiser, schemas.exposure]),
    )
    return str(one(connection, query))


def _names(connection: ServingConnection, *schemas: str) -> sql.Literal:
    return sql.Literal([sql.Identifier(schema).as_string(connection) for schema in schemas])
