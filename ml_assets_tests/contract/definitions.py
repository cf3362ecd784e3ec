"""What a database is, in words that can be compared: everything that the SQL files define, and nothing else."""

from psycopg import sql

from ml_assets.database.connection import ServingConnection

# The partitions of releases belong to the data.
RELATIONS = """
    pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    AND n.nspname = ANY (%(schemas)s) AND NOT c.relispartition
"""
FUNCTIONS = "pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace AND n.nspname = ANY (%(schemas)s)"
QUERIES = {
    "relation": f"""
        SELECT c.oid::regclass, concat(c.relkind, ' ', c.relowner::regrole, ' ', c.reloptions)
        FROM {RELATIONS} WHERE c.relkind IN ('r', 'p', 'v', 'S')
    """,
    "column": f"""
        SELECT concat(c.oid::regclass, '.', a.attname), concat_ws(
            ' ', row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attnotnull THEN 'NOT NULL' END, a.attidentity, pg_get_expr(d.adbin, d.adrelid),
            a.attstattarget
        )
        FROM {RELATIONS} JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relkind IN ('r', 'p', 'v')
    """,
    "constraint": f"""
        SELECT concat(c.oid::regclass, ' ', k.conname), pg_get_constraintdef(k.oid, true)
        FROM {RELATIONS} JOIN pg_constraint AS k ON k.conrelid = c.oid
    """,
    "index": f"SELECT i.indexrelid::regclass, pg_get_indexdef(i.indexrelid) FROM {RELATIONS} "
    "JOIN pg_index AS i ON i.indrelid = c.oid",
    "trigger": f"SELECT concat(c.oid::regclass, ' ', t.tgname), concat(pg_get_triggerdef(t.oid), t.tgenabled) "
    f"FROM {RELATIONS} "
    "JOIN pg_trigger AS t ON t.tgrelid = c.oid AND NOT t.tgisinternal",
    "view": f"SELECT c.oid::regclass, pg_get_viewdef(c.oid) FROM {RELATIONS} WHERE c.relkind = 'v'",
    "function": f"""
        SELECT p.oid::regprocedure, concat(p.proowner::regrole, ' ', pg_get_functiondef(p.oid)) FROM {FUNCTIONS}
    """,
    "comment": f"""
        SELECT concat(c.oid::regclass, ' ', o.objsubid), o.description
        FROM {RELATIONS} JOIN pg_description AS o ON o.objoid = c.oid AND o.classoid = 'pg_class'::regclass
        UNION ALL
        SELECT p.oid::regprocedure::text, o.description
        FROM {FUNCTIONS} JOIN pg_description AS o ON o.objoid = p.oid AND o.classoid = 'pg_proc'::regclass
    """,
    "grants": f"""
        SELECT c.oid::regclass::text, array_agg(g::text ORDER BY g::text)::text
        FROM {RELATIONS} CROSS JOIN LATERAL aclexplode(c.relacl) AS g GROUP BY 1
        UNION ALL
        SELECT concat(c.oid::regclass, '.', a.attname), array_agg(g::text ORDER BY g::text)::text
        FROM {RELATIONS} JOIN pg_attribute AS a ON a.attrelid = c.oid CROSS JOIN LATERAL aclexplode(a.attacl) AS g
        GROUP BY 1
        UNION ALL
        SELECT p.oid::regprocedure::text, array_agg(g::text ORDER BY g::text)::text
        FROM {FUNCTIONS} CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS g GROUP BY 1
        UNION ALL
        SELECT n.nspname::text, array_agg(g::text ORDER BY g::text)::text
        FROM pg_namespace AS n CROSS JOIN LATERAL aclexplode(n.nspacl) AS g
        WHERE n.nspname = ANY (%(schemas)s) GROUP BY 1
    """,
}


def definitions(connection: ServingConnection) -> dict[tuple[str, str], str]:
    """The text of every definition in the schemas of a shop, by kind and name."""
    schemas = connection.schemas
    names = {"schemas": [schemas.ml, schemas.store, schemas.meta]}
    with connection.transaction():
        connection.execute("SET LOCAL search_path = pg_catalog")
        return {
            (kind, str(name)): str(text)
            for kind, query in QUERIES.items()
            for name, text in connection.execute(sql.SQL(query), names).fetchall()
        }
