"""Code that others have put into the schemas of a shop: triggers, functions, views, expressions that call functions.

Looking for it belongs here. It is looked for before the schemas are handed to their owner (`owner.py`), because it
would run with the owner's rights from then on; afterwards no other role may put any there.
"""

from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError

# Trusted is who can do anything here already: superusers, the connecting role, the owner, and whose the schemas were.
FOREIGN = """
    WITH ours AS (
        SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = ANY (%(schemas)s)
    ),
    lesser AS (
        SELECT r.oid, r.rolname
        FROM pg_catalog.pg_roles AS r
        WHERE NOT r.rolsuper AND r.rolname NOT IN (current_user, %(owner)s)
            AND r.oid NOT IN (SELECT n.nspowner FROM pg_catalog.pg_namespace AS n WHERE n.nspname = %(meta)s)
    ),
    hanging AS (
        SELECT d.classid, d.objid, d.refobjid AS function
        FROM pg_catalog.pg_depend AS d
        LEFT JOIN pg_catalog.pg_trigger AS t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
        LEFT JOIN pg_catalog.pg_rewrite AS w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
        LEFT JOIN pg_catalog.pg_attrdef AS a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
        LEFT JOIN pg_catalog.pg_constraint AS k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        LEFT JOIN pg_catalog.pg_policy AS p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
        JOIN pg_catalog.pg_class AS c ON c.oid = coalesce(
            t.tgrelid, w.ev_class, a.adrelid, k.conrelid, p.polrelid,
            CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid END
        )
        WHERE d.refclassid = 'pg_proc'::regclass AND c.relnamespace IN (SELECT o.oid FROM ours AS o)
        UNION ALL
        SELECT 'pg_proc'::regclass, p.oid, p.oid
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace IN (SELECT o.oid FROM ours AS o)
    )
    SELECT pg_describe_object(h.classid, h.objid, 0), l.rolname
    FROM hanging AS h
    JOIN pg_catalog.pg_proc AS f ON f.oid = h.function
    JOIN lesser AS l ON l.oid = f.proowner
    UNION ALL
    SELECT pg_describe_object('pg_class'::regclass, c.oid, 0), l.rolname
    FROM pg_catalog.pg_class AS c
    JOIN lesser AS l ON l.oid = c.relowner
    WHERE c.relkind IN ('v', 'm', 'f') AND c.relnamespace IN (SELECT o.oid FROM ours AS o)
    ORDER BY 1
"""


def refuse_foreign_code(connection: ServingConnection) -> None:
    """Raise `UserError` that names what runs code of a role that is neither the owner nor a superuser."""
    schemas = connection.schemas
    names = {"schemas": [schemas.ml, schemas.store, schemas.meta], "meta": schemas.meta, "owner": schemas.owner}
    found = connection.execute(FOREIGN, names).fetchall()
    if found:
        words = "; ".join(f"{what} (code of {role})" for what, role in found[:3])
        raise UserError(
            f"In the schemas of ml_assets stands code that somebody else has put there: {words}.",
            f"Look at it, find out who did so, and drop it; it would run with the rights of {schemas.owner}.",
            code="database.rights",
        )
