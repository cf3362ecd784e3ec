"""Loading the rows of one release: its partition, its segments, the names of its items.

All of it happens inside the publisher's transaction. Which release becomes live is decided in `publish.py`.
"""

import time

import polars as pl
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
ITEMS_AT_ONCE = 50_000
PROFILE = (
    "segment_key",
    "segment_name",
    "description",
    "customers",
    "share",
    "median_recency_days",
    "median_orders_90d",
    "median_spend_90d",
    "median_spend_365d",
    "median_tenure_days",
)


def fill_partition(
    connection: ServingConnection, subject: Table, release_id: int, rows: ReleaseRows, *, readers: Readers | None
) -> str:
    """Create and fill the partition, gently while these readers are busy; the xxh3_128 of its rows.

    Created in the same transaction, so COPY writes frozen rows. Rows that fit into a page are not compressed: every
    read would have to take them apart again.
    """
    schemas = connection.schemas
    names = {
        "parent": sql.Identifier(subject.name),
        "part": sql.Identifier(partition_name(subject.name, release_id)),
        "id": sql.Literal(release_id),
        "columns": sql.SQL(", ").join(map(sql.Identifier, rows.names)),
    }
    connection.execute(
        schemas.sql(
            "CREATE TABLE {store}.{part} (LIKE {store}.{parent}, CHECK (release_id = {id})) "
            "WITH (fillfactor = 100, toast_tuple_target = 8160)",
            **names,
        )
    )
    connection.execute(schemas.sql("ALTER TABLE {store}.{part} ALTER release_id SET DEFAULT {id}", **names))
    statement = schemas.sql("COPY {store}.{part} ({columns}) FROM STDIN (FORMAT binary, FREEZE)", **names)
    return _copy(connection, statement.as_bytes(connection), rows, readers)


def attach_partition(connection: ServingConnection, subject: Table, release_id: int, *, unique: bool) -> None:
    """Index and attach the partition that was filled.

    Indexed after loading, which is faster; attached with a CHECK that already proves the partition's bound, so that
    nothing is scanned and readers are not blocked.
    """
    schemas = connection.schemas
    names = {
        "parent": sql.Identifier(subject.name),
        "part": sql.Identifier(partition_name(subject.name, release_id)),
        "id": sql.Literal(release_id),
        "keys": sql.SQL(", ").join(map(sql.Identifier, subject.keys)),
        "unique": sql.SQL("UNIQUE" if unique else ""),
    }
    connection.execute(schemas.sql("CREATE {unique} INDEX ON {store}.{part} ({keys})", **names))
    connection.execute(
        schemas.sql("ALTER TABLE {store}.{parent} ATTACH PARTITION {store}.{part} FOR VALUES IN ({id})", **names)
    )


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


def load_segments(connection: ServingConnection, release_id: int, segments: pl.DataFrame) -> None:
    """The profiles that belong to a release of segment_assignments."""
    insert = connection.schemas.sql(
        "INSERT INTO {store}.segments (release_id, {columns}) VALUES ({values})",
        columns=sql.SQL(", ").join(map(sql.Identifier, PROFILE)),
        values=sql.SQL(", ").join(sql.Placeholder() * (len(PROFILE) + 1)),
    )
    with connection.cursor() as cursor:
        cursor.executemany(insert, [(release_id, *row) for row in segments.select(PROFILE).iter_rows()])


def upsert_items(connection: ServingConnection, items: pl.DataFrame) -> None:
    """Take over names and categories of items; rows that are already so are not touched, nor locked."""
    kind = "text" if items.schema["item_id"] == pl.String else "bigint"
    upsert = """
        INSERT INTO {store}.items (item_id, item_name, category)
        SELECT n.item_id, n.item_name, n.category
        FROM unnest(%(item_id)s::{kind}[], %(item_name)s::text[], %(category)s::text[])
            AS n (item_id, item_name, category)
        WHERE NOT EXISTS (
            SELECT FROM {store}.items AS o
            WHERE o.item_id = n.item_id
                AND (o.item_name, o.category) IS NOT DISTINCT FROM (n.item_name, n.category)
        )
        -- The same order everywhere: two publishers at once cannot lock each other out.
        ORDER BY n.item_id
        ON CONFLICT (item_id) DO UPDATE SET item_name = excluded.item_name, category = excluded.category
    """
    query = connection.schemas.sql(upsert, kind=sql.SQL(kind))
    # PostgreSQL's text cannot hold a zero byte; in a name it means nothing.
    texts = pl.col("item_name", "category").cast(pl.String).str.replace_all("\0", "", literal=True)
    rows = items.select("item_id", texts).unique("item_id", keep="last", maintain_order=True).sort("item_id")
    for part in rows.iter_slices(ITEMS_AT_ONCE):
        connection.execute(query, part.to_dict(as_series=False))
