"""Databases that were made by the eighteen numbered files before the baseline, with releases in them.

`integer.sql.gz` is a shop whose ids are integers, `text.sql.gz` one named x whose ids are text, with a table of its own
that is mapped in the settings. Both are dumps by pg_dump 18 of what the code of that time had published.
"""

import gzip
from importlib import resources

import psycopg


def restore(url: str, name: str) -> None:
    """Fill an empty database from a dump; the roles are made where the server lacks them."""
    dump = gzip.decompress((resources.files(__package__) / f"{name}.sql.gz").read_bytes()).decode()
    # What only psql, or only later servers, understand.
    lines = [line for line in dump.splitlines() if not line.startswith(("\\", "SET transaction_timeout"))]
    prefix = "" if name == "integer" else "x_"
    with psycopg.connect(url, autocommit=True) as connection:
        for role in (f"{prefix}ml_{word}" for word in ("reader", "writer", "merchandiser")):
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(f"CREATE ROLE {role} NOLOGIN")
        connection.execute("\n".join(lines).encode())
