"""The partition that holds the rows of one release: filled, indexed, attached.

All of it happens inside the publisher's transaction. Which release becomes live is decided in `publish.py`, when a
partition is dropped in `retention.py`.
"""

import time

from psycopg import sql
from xxhash import xxh3_128

from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import partition_name
from ml_assets.releases.copy.encode import SIGNATURE, TRAILER, encode
from ml_assets.releases.readers import Readers
from ml_assets.releases.rows import ReleaseRows
from ml_assets.subjects import Table

# Translated at once; before each block readers are looked for.
BLOCK_ROWS = 20_000
# So small that a chunk is still in the processor's cache when it is sent.
CHUNK_BYTES = 512 * 1024
# While there are readers: what a server writes in less than a millisecond, and the share of the time it does so. The
# longest pause is for servers far away, who have it while they wait.
GENTLE_BYTES = 64 * 1024
GENTLE_SHARE = 0.25
LONGEST_PAUSE = 0.005


def fill_partition(
    connection: ServingConnection, subject: Table, release_id: int, rows: ReleaseRows, *, readers: Readers | None
) -> str:
    """Create and fill the partition, gently while these readers are busy; the xxh3_128 of its rows."""
    connection.execute(connection.schemas.sql("SELECT {meta}.create_partition(%s)"), [release_id])
    return load_rows(connection, partition_name(subject.name, release_id), rows, readers=readers)


def load_rows(connection: ServingConnection, table: str, rows: ReleaseRows, *, readers: Readers | None) -> str:
    """Fill a table of lists that was created in this transaction; the xxh3_128 of its rows."""
    names = {
        "table": sql.Identifier(table),
        "columns": sql.SQL(", ").join(map(sql.Identifier, rows.names)),
    }
    statement = connection.schemas.sql("COPY {store}.{table} ({columns}) FROM STDIN (FORMAT binary, FREEZE)", **names)
    return _copy(connection, statement.as_bytes(connection), rows, readers)


def attach_partition(
    connection: ServingConnection, subject: Table, release_id: int, *, unique: bool, checksum: str
) -> None:
    """Index and attach the partition that was filled; its rows are history from then on."""
    attach = connection.schemas.sql("SELECT {meta}.attach_partition(%s, %s, %s, %s)")
    connection.execute(attach, [release_id, list(subject.keys), unique, checksum])


def _copy(connection: ServingConnection, statement: bytes, rows: ReleaseRows, readers: Readers | None) -> str:
    """Load all rows; their digest.

    A server writes what it is sent 1,000 rows at a time, and keeps a processor from everybody else for as long. While
    there are readers, each COPY therefore ends after some rows, and leaves them a pause.
    """
    digest = xxh3_128()
    cursor = connection.cursor()
    for block in rows.blocks(BLOCK_ROWS):
        gentle = readers is not None and readers.are_busy()
        parts = ([chunk] for chunk in encode(block, GENTLE_BYTES)) if gentle else [encode(block, CHUNK_BYTES)]
        for part in parts:
            began = time.perf_counter()
            with cursor.copy(statement) as copy:
                copy.write(SIGNATURE)
                for chunk in part:
                    digest.update(chunk)
                    copy.write(chunk)
                copy.write(TRAILER)
            if gentle:
                took = time.perf_counter() - began
                time.sleep(min(took * (1 / GENTLE_SHARE - 1), LONGEST_PAUSE))
    return digest.hexdigest()
