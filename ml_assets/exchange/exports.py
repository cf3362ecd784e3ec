"""What readers see now as a file: CSV or Parquet, whole or not at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Literal

import polars as pl
from psycopg import sql

from ml_assets.database.connection import ServingConnection
from ml_assets.exchange.contacts import Contacts
from ml_assets.whole_files import replacing

Format = Literal["csv", "parquet"]
PROVENANCE = ("data_as_of", "predicted_at", "model_version", "release_id", "is_stale")
# View, columns, and how many of them give the order.
EXPORTS: dict[str, tuple[str, tuple[str, ...], int]] = {
    "recommendations": (
        "recommendations",
        ("customer_id", "placement", "rank", "item_id", "score", "source", "reason_code", *PROVENANCE),
        3,
    ),
    "segments": (
        "segment_assignments",
        ("customer_id", "segment_key", "segment_name", *PROVENANCE, "alive_probability", "expected_spend_90d"),
        1,
    ),
}
ROWS_AT_ONCE = 100_000
FIFTHS = 5


def write_export(
    connection: ServingConnection, what: str, path: Path, kind: Format, segments: Sequence[str] = ()
) -> int:
    """Write what readers see at this moment to a file, whole or not at all; the number of rows.

    `segments` are keys: only customers of those.
    """
    view, names, ordering = EXPORTS[what]
    query = connection.schemas.sql(
        "SELECT {columns} FROM {ml}.{view} WHERE {chosen} ORDER BY {order}",
        # PostgreSQL's own CSV says t and f, which few programs take for true and false.
        columns=sql.SQL(", ").join(
            sql.SQL("{0}::text AS {0}" if name == "is_stale" and kind == "csv" else "{}").format(sql.Identifier(name))
            for name in names
        ),
        view=sql.Identifier(view),
        chosen=_of_segments(segments),
        order=sql.SQL(", ").join(map(sql.Identifier, names[:ordering])),
    )
    with replacing(path, "Choose another place with --output.", keep_mode=True) as file, connection.transaction():
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute("SET LOCAL datestyle = 'ISO, YMD'")
        write = _write_parquet if kind == "parquet" else _write_csv
        return write(connection, query, names, file)


def _write_csv(connection: ServingConnection, query: sql.Composed, _: Sequence[str], file: IO[bytes]) -> int:
    cursor = connection.cursor()
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER true)").format(query)
    with cursor.copy(statement) as copy:
        file.writelines(copy)
    return cursor.rowcount


def _write_parquet(connection: ServingConnection, query: sql.Composed, names: Sequence[str], file: IO[bytes]) -> int:
    parts: list[pl.DataFrame] = []
    with connection.cursor(name="ml_assets_export") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(query)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            parts.append(pl.DataFrame(rows, schema=list(names), orient="row", infer_schema_length=None))
    frame = pl.concat(parts, how="vertical_relaxed") if parts else pl.DataFrame(schema=list(names))
    frame.write_parquet(file)
    return frame.height


def write_audience(
    connection: ServingConnection, path: Path, kind: Format, segments: Sequence[str], contacts: Contacts
) -> int:
    """Write the addresses of a segment's customers, for mail and ad tools; the number of rows.

    Columns: email (or email_sha256), customer_id, segment_key, segment_name. Customers who opted out, and those
    without an address, are not in it.
    """
    known = contacts.frame
    members = _members(connection, segments, known.schema["customer_id"])
    frame = members.join(known, on="customer_id", how="inner").select(contacts.column, *members.columns)
    return _write_frame(frame, path, kind)


def write_by_uplift(
    connection: ServingConnection, path: Path, kind: Format, segments: Sequence[str], uplift: pl.DataFrame
) -> int:
    """Write the customers of segments, those whom a campaign makes buy most more first; the number of rows.

    `uplift` has customer_id and uplift, the predicted difference per customer. Columns: customer_id, segment_key,
    segment_name, uplift, uplift_fifth (1: the highest). Customers who opted out, and those of whom nothing is
    predicted, are not in it.
    """
    frame = _members(connection, segments, uplift.schema["customer_id"]).join(uplift, on="customer_id", how="inner")
    frame = frame.sort("uplift", "customer_id", descending=[True, False])
    place = pl.int_range(pl.len()) * FIFTHS // pl.len()
    return _write_frame(frame.with_columns((place + 1).cast(pl.Int64).alias("uplift_fifth")), path, kind)


def _write_frame(frame: pl.DataFrame, path: Path, kind: Format) -> int:
    with replacing(path, "Choose another place with --output.", keep_mode=True) as file:
        frame.write_parquet(file) if kind == "parquet" else frame.write_csv(file)
    return frame.height


def _members(connection: ServingConnection, segments: Sequence[str], ids: pl.DataType) -> pl.DataFrame:
    query = connection.schemas.sql(
        "SELECT customer_id, segment_key, segment_name FROM {ml}.segment_assignments WHERE {chosen} ORDER BY 1",
        chosen=_of_segments(segments),
    )
    rows = connection.execute(query).fetchall()
    types = {"customer_id": ids, "segment_key": pl.String(), "segment_name": pl.String()}
    return pl.DataFrame(rows, schema=types, orient="row")


def _of_segments(segments: Sequence[str]) -> sql.Composable:
    return sql.SQL("segment_key = ANY ({})").format(list(segments)) if segments else sql.SQL("true")
