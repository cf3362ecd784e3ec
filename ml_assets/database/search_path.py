"""Where a connection looks for names without a schema.

Only that belongs here; what is asked for is written elsewhere.
"""

from typing import Any

import psycopg


def look_nowhere_else(connection: psycopg.Connection[Any]) -> None:
    """Let names without a schema mean PostgreSQL's own things only.

    Up to PostgreSQL 14 everybody may put functions into the schema public; one that fits a call better than
    PostgreSQL's would run with the rights of this connection. A pooler would hand the setting on to others: its
    sessions are told by their number, which is not the server's.
    """
    here = "pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) %s::pg_catalog.int4"
    path = "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)"
    connection.execute(f"{path} WHERE {here}".encode(), [connection.info.backend_pid])
