"""Files that a crash of PostgreSQL orphaned: in the data folder, but of no table.

A transaction makes the files of its tables before it commits. Where the server dies in between, they stay, and
PostgreSQL never removes them. Finding them belongs here, and removing those of the embedded server.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection

SETTLED = timedelta(minutes=1)
# pg_stat_file tells whole seconds.
FRACTION = timedelta(seconds=1)
MAY_LOOK = """
    SELECT has_function_privilege('pg_ls_dir(text, boolean, boolean)', 'EXECUTE')
        AND has_function_privilege('pg_stat_file(text, boolean)', 'EXECUTE')
        AND pg_has_role('pg_read_all_stats', 'USAGE')
"""
# A file that was last written before these began is made by none of them.
OLDEST = """
    SELECT least(
        (SELECT min(a.xact_start) FROM pg_stat_activity AS a),
        (SELECT min(p.prepared) FROM pg_prepared_xacts AS p),
        clock_timestamp()
    )
"""
# An empty file is that of a dropped table, which the next checkpoint removes, or takes no space.
FILES = """
    SELECT split_part(split_part(n.name, '_', 1), '.', 1)::oid, f.path, s.size
    FROM (
        SELECT 'base/' || d.oid AS folder FROM pg_database AS d WHERE d.datname = current_database()
    ) AS d
    CROSS JOIN LATERAL pg_ls_dir(d.folder, true, false) AS n (name)
    CROSS JOIN LATERAL (SELECT d.folder || '/' || n.name AS path) AS f
    CROSS JOIN LATERAL pg_stat_file(f.path, true) AS s
    WHERE n.name ~ '^[0-9]+(_(fsm|vm|init))?([.][0-9]+)?$' AND s.size > 0 AND s.modification < %s
    ORDER BY f.path
"""
IN_USE = "SELECT pg_relation_filenode(c.oid) FROM pg_class AS c WHERE pg_relation_filenode(c.oid) IS NOT NULL"
# Lower numbers are those of the system's own tables.
FIRST_OF_USERS = 16384


@dataclass(frozen=True)
class OrphanedFile:
    """A file of no table."""

    path: str
    """In the data folder."""
    size: int
    """In bytes."""


def orphaned_files(connection: ServingConnection, settled: timedelta = SETTLED) -> list[OrphanedFile] | None:
    """The orphaned files of the connection's database; None where its role may not look into the server's folder.

    Files that were written within `settled` are left out, and those that open transactions may have made.
    """
    if not one(connection, MAY_LOOK):
        return None
    # In this order, each in a snapshot of its own: what commits in between is found in use.
    before = one(connection, OLDEST) - settled - FRACTION
    files = connection.execute(FILES, [before]).fetchall()
    in_use = {number for (number,) in connection.execute(IN_USE).fetchall()}
    return [OrphanedFile(path, size) for node, path, size in files if node >= FIRST_OF_USERS and node not in in_use]


def remove_orphaned_files(connection: ServingConnection, data: Path) -> list[OrphanedFile]:
    """Remove the orphaned files of the server whose folder is `data`; those that were removed."""
    removed = []
    for file in orphaned_files(connection) or ():
        with suppress(OSError):
            (data / file.path).unlink()
            removed.append(file)
    return removed
