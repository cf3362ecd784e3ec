"""docs/security.md says of every role what the catalogue of a database says.

Where it does not: UPDATE_DOCS=1 pytest ml_assets_tests/contract/test_security_doc.py writes it anew.
"""

import os
import re
from pathlib import Path

from ml_assets.contract.migrate import migrate
from ml_assets.contract.shop_tables import sync_reading
from ml_assets.database.connection import ServingConnection
from ml_assets.settings.serving import ServingSettings
from ml_assets_tests.contract.test_migrate import SHOP
from ml_assets_tests.releases.frames import recommendations, release

DOC = Path(__file__).parents[2] / "docs" / "security.md"
BEGIN, END = "<!-- from the catalogue -->", "<!-- end -->"
ROLES = {
    "ml_owner": "owns everything below; members only are the roles that run ml-assets",
    "ml_writer": "publishes and keeps the books",
    "ml_merchandiser": "edits the rules of reading",
    "ml_reader": "reads the contract",
    "ml_exposure": "tells what was shown",
    "PUBLIC": "everybody who may connect",
}
GRANTS = """
    WITH ours AS (
        SELECT n.oid, n.nspname, n.nspacl, n.nspowner
        FROM pg_namespace AS n WHERE n.nspname IN ('ml', 'ml_store', 'ml_meta')
    ),
    granted AS (
        SELECT 'schema' AS kind, n.nspname AS name, g.grantee, g.privilege_type AS may
        FROM ours AS n CROSS JOIN LATERAL aclexplode(n.nspacl) AS g WHERE g.grantee <> n.nspowner
        UNION ALL
        SELECT CASE WHEN c.relispartition THEN 'partition' WHEN c.relkind = 'v' THEN 'view' ELSE 'table' END,
            n.nspname || '.'
                || CASE WHEN c.relispartition THEN regexp_replace(c.relname, '[0-9]+$', 'N') ELSE c.relname END,
            g.grantee, g.privilege_type
        FROM pg_class AS c JOIN ours AS n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) AS g
        WHERE g.grantee <> c.relowner AND c.relkind IN ('r', 'p', 'v', 'S')
        UNION ALL
        SELECT 'table', n.nspname || '.' || c.relname, g.grantee,
            g.privilege_type || ' (' || string_agg(a.attname, ', ' ORDER BY a.attnum) || ')'
        FROM pg_class AS c JOIN ours AS n ON n.oid = c.relnamespace
        JOIN pg_attribute AS a ON a.attrelid = c.oid CROSS JOIN LATERAL aclexplode(a.attacl) AS g
        WHERE g.grantee <> c.relowner
        GROUP BY n.nspname, c.relname, g.grantee, g.privilege_type
        UNION ALL
        SELECT 'function', n.nspname || '.' || p.proname, g.grantee, g.privilege_type
        FROM pg_proc AS p JOIN ours AS n ON n.oid = p.pronamespace
        CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS g
        WHERE g.grantee <> p.proowner
    )
    SELECT coalesce(r.rolname, 'PUBLIC'), g.kind, g.name, string_agg(g.may, ', ' ORDER BY g.may)
    FROM granted AS g LEFT JOIN pg_roles AS r ON r.oid = g.grantee
    GROUP BY 1, 2, 3
    ORDER BY 1, array_position(ARRAY['schema', 'view', 'table', 'partition', 'function'], g.kind), 3
"""
OWNED = """
    SELECT count(*), count(*) FILTER (WHERE owner <> 'ml_owner'::regrole)
    FROM (
        SELECT relowner AS owner FROM pg_class
        WHERE relnamespace IN ('ml'::regnamespace, 'ml_store'::regnamespace, 'ml_meta'::regnamespace)
        UNION ALL
        SELECT proowner FROM pg_proc
        WHERE pronamespace IN ('ml'::regnamespace, 'ml_store'::regnamespace, 'ml_meta'::regnamespace)
        UNION ALL
        SELECT nspowner FROM pg_namespace WHERE nspname IN ('ml', 'ml_store', 'ml_meta')
    ) AS o
"""
ATTRIBUTES = """
    SELECT bool_or(rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication)
    FROM pg_roles WHERE rolname = ANY (%s)
"""


def from_catalogue(connection: ServingConnection) -> str:
    """What each role may do, as Markdown."""
    rows = connection.execute(GRANTS).fetchall()
    assert {role for role, *_ in rows} <= set(ROLES)
    text = []
    for role, words in ROLES.items():
        text += [f"**`{role}`**: {words}.", ""]
        groups: dict[tuple[str, str], list[str]] = {}
        for grantee, kind, name, may in rows:
            if grantee == role:
                groups.setdefault((kind, may), []).append(f"`{name}`")
        if role == "ml_owner":
            text += ["All schemas, tables, partitions, views and functions of the shop.", ""]
        elif groups:
            text += ["| on | may | which |", "|---|---|---|"]
            text += [f"| {kind} | {may} | {', '.join(names)} |" for (kind, may), names in groups.items()]
            text += [""]
    return "\n".join(text)


def test_the_document_says_what_the_catalogue_says(connection: ServingConnection) -> None:
    migrate(connection, **SHOP)
    sync_reading(connection, ServingSettings())
    release(connection, recommendations())
    found = from_catalogue(connection)
    document = DOC.read_text(encoding="utf-8")
    before, _, rest = document.partition(BEGIN)
    said, _, after = rest.partition(END)
    if os.environ.get("UPDATE_DOCS"):
        DOC.write_text(f"{before}{BEGIN}\n\n{found}\n{END}{after}", encoding="utf-8")
        return
    make = "write it anew: UPDATE_DOCS=1 pytest ml_assets_tests/contract/test_security_doc.py"
    assert re.sub(r"\s+", " ", said).strip() == re.sub(r"\s+", " ", found).strip(), make


def test_the_owner_owns_everything_and_no_role_can_log_in_or_is_more_than_a_role(connection: ServingConnection) -> None:
    release(connection, recommendations())
    count, others = connection.execute(OWNED).fetchall()[0]
    assert count > 100
    assert others == 0
    roles = ["ml_owner", "ml_writer", "ml_merchandiser", "ml_reader", "ml_exposure"]
    assert connection.execute(ATTRIBUTES, [roles]).fetchone() == (False,)
