"""Predictions as plain tables: written for others to read, and read from files that others made.

Reading and judging files belongs here; publishing what they hold is done by `publish.py`, through the same gates.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import polars as pl
from psycopg import sql

from ml_assets.contract.migrate import IdType
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError

Format = Literal["csv", "parquet"]
PROVENANCE = ("data_as_of", "predicted_at", "model_version", "release_id", "is_stale")
# View, columns, and how many of them give the order.
EXPORTS: dict[str, tuple[str, tuple[str, ...], int]] = {
    "recommendations": (
        "recommendations",
        ("customer_id", "placement", "rank", "item_id", "score", "source", "reason_code", *PROVENANCE),
        3,
    ),
    "segments": ("segment_assignments", ("customer_id", "segment_key", "segment_name", *PROVENANCE), 1),
}
ROWS_AT_ONCE = 100_000
COLUMNS = ("customer_id", "item_id", "rank", "score", "placement", "source", "reason_code", "data_as_of")


@dataclass(frozen=True)
class Imported:
    """A file of recommendations, ready to publish."""

    frame: pl.DataFrame
    day: date | None
    """The data_as_of that the file names, if it names one."""
    version: str
    """Names the file by its contents."""


def write_export(connection: ServingConnection, what: str, path: Path, kind: Format) -> int:
    """Write what readers see at this moment to a file, whole or not at all; the number of rows."""
    view, names, ordering = EXPORTS[what]
    query = connection.schemas.sql(
        "SELECT {columns} FROM {ml}.{view} ORDER BY {order}",
        # PostgreSQL's own CSV says t and f, which few programs take for true and false.
        columns=sql.SQL(", ").join(
            sql.SQL("{0}::text AS {0}" if name == "is_stale" and kind == "csv" else "{}").format(sql.Identifier(name))
            for name in names
        ),
        view=sql.Identifier(view),
        order=sql.SQL(", ").join(map(sql.Identifier, names[:ordering])),
    )
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with connection.transaction():
                connection.execute("SET LOCAL statement_timeout = 0")
                connection.execute("SET LOCAL datestyle = 'ISO, YMD'")
                write = _write_parquet if kind == "parquet" else _write_csv
                rows = write(connection, query, names, temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.", "Choose another place with --output.") from None
    return rows


def _write_csv(connection: ServingConnection, query: sql.Composed, _: Sequence[str], path: Path) -> int:
    cursor = connection.cursor()
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER true)").format(query)
    with path.open("wb") as file, cursor.copy(statement) as copy:
        file.writelines(copy)
    return cursor.rowcount


def _write_parquet(connection: ServingConnection, query: sql.Composed, names: Sequence[str], path: Path) -> int:
    parts: list[pl.DataFrame] = []
    with connection.cursor(name="ml_assets_export") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(query)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            parts.append(pl.DataFrame(rows, schema=list(names), orient="row", infer_schema_length=None))
    frame = pl.concat(parts, how="vertical_relaxed") if parts else pl.DataFrame(schema=list(names))
    frame.write_parquet(path)
    return frame.height


def read_recommendations(path: Path, *, customer: IdType, item: IdType, placements: tuple[str, ...]) -> Imported:
    """Recommendations from CSV or Parquet: one row per customer, placement and item, best first by rank or score.

    Columns: customer_id and item_id, rank or score (or both), and optionally placement (for_you), source (imported),
    reason_code, data_as_of. Where rank gives the order, a score may be empty, as of pinned items in an export: it is
    then that of the item before. Further columns of an export are ignored. Raises `UserError` that names file, row and
    column of what cannot be taken.
    """
    frame = _read(path)
    for name in ("customer_id", "item_id"):
        if name not in frame.columns:
            raise UserError(f"{path} has no column {name}.", f"Columns may be {', '.join(COLUMNS)}.")
    if not {"rank", "score"} & set(frame.columns):
        raise UserError(f"{path} has neither a column rank nor one score.", "One of them must give the order.")
    ids = {"customer_id": customer, "item_id": item}
    typed = frame.with_columns(
        _typed(path, frame, name, pl.Int64() if kind == "bigint" else pl.String()) for name, kind in ids.items()
    )
    for name, dtype in (("rank", pl.Int64()), ("score", pl.Float64()), ("data_as_of", pl.Date())):
        if name in frame.columns:
            gaps = name == "score" and "rank" in frame.columns
            typed = typed.with_columns(_typed(path, frame, name, dtype, gaps=gaps))
    placement = pl.col("placement").cast(pl.String) if "placement" in typed.columns else pl.lit("for_you")
    source = pl.col("source").cast(pl.String) if "source" in typed.columns else pl.lit("imported")
    reason = pl.col("reason_code").cast(pl.String) if "reason_code" in typed.columns else pl.lit("imported")
    typed = typed.with_columns(
        placement=placement.fill_null("for_you"),
        source=source.fill_null("imported"),
        reason_code=reason.fill_null("imported"),
    )
    _refuse_placements(path, typed, placements)
    _refuse_doubles(path, typed)
    order = ["customer_id", "placement", *(["rank"] if "rank" in typed.columns else [])]
    descending = [False] * len(order)
    if "score" in typed.columns:
        order.append("score")
        descending.append(True)
    ranked = typed.sort([*order, "item_id"], descending=[*descending, False])
    # Without scores the place is all that is known.
    score = pl.col("score").fill_null(strategy="forward").fill_null(strategy="backward")
    place = -pl.int_range(1, pl.len() + 1).cast(pl.Float64)
    scores = pl.coalesce(score, place) if "score" in typed.columns else place
    lists = ranked.group_by("customer_id", "placement", maintain_order=True).agg(
        item_ids="item_id", scores=scores.cast(pl.Float32), sources="source", reason_codes="reason_code"
    )
    empty: pl.DataType = pl.List(pl.List(pl.Int64 if item == "bigint" else pl.String))
    nothing = pl.Series("reason_items", [[[]] * len(ids) for ids in lists["item_ids"]], dtype=empty)
    return Imported(lists.with_columns(nothing), _day(path, typed), f"import-{_digest(path)}")


def _read(path: Path) -> pl.DataFrame:
    try:
        # As text, so that what cannot be read as a number can be named.
        return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.", "Name a CSV file with a header line, or a Parquet file.") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(
            f"{path} cannot be read: {str(error).splitlines()[0]}.", "Save it as UTF-8 CSV, or as .parquet."
        ) from None


def _typed(path: Path, frame: pl.DataFrame, name: str, dtype: pl.DataType, *, gaps: bool = False) -> pl.Series:
    """A column of one type, without gaps unless they are allowed; raises with the first row where it is not."""
    column = frame[name]
    if column.dtype == pl.String:
        column = column.str.strip_chars().replace("", None)
    is_text_day = dtype == pl.Date and column.dtype == pl.String
    converted = column.str.to_date("%Y-%m-%d", strict=False) if is_text_day else column.cast(dtype, strict=False)
    if converted.dtype == pl.Float64:
        converted = converted.set(~converted.is_finite().fill_null(value=False), None)
    bad = (converted.is_null() & column.is_not_null() if gaps else converted.is_null()).arg_true()
    if len(bad):
        row = int(bad[0])
        value = "empty" if column[row] is None else repr(column[row])
        expected = {"Int64": "a whole number", "Float64": "a number", "Date": "a day, YYYY-MM-DD"}
        raise UserError(
            f"{_place(path, row)}, column {name}: {value} is not {expected.get(str(dtype), 'an id')}"
            f"{f', nor are {len(bad) - 1:,} more' if len(bad) > 1 else ''}.",
            "Mend these cells; nothing was published.",
        )
    return converted


def _place(path: Path, row: int) -> str:
    """Where a person finds a row: by its line where there is a header line, else by its number from 1."""
    return f"{path}, row {row + 1}" if path.suffix == ".parquet" else f"{path}, line {row + 2}"


def _refuse_placements(path: Path, frame: pl.DataFrame, placements: tuple[str, ...]) -> None:
    unknown = (~frame["placement"].is_in(list(placements))).arg_true()
    if len(unknown):
        row = int(unknown[0])
        raise UserError(
            f"{_place(path, row)}, column placement: {frame['placement'][row]!r} is unknown.",
            f"Placements are {', '.join(placements)}.",
        )


def _refuse_doubles(path: Path, frame: pl.DataFrame) -> None:
    doubled = frame.select("customer_id", "placement", "item_id").is_duplicated().arg_true()
    if len(doubled):
        row = frame.row(int(doubled[1]), named=True)
        raise UserError(
            f"{_place(path, int(doubled[1]))}: item {row['item_id']} is twice in the {row['placement']} list of "
            f"customer {row['customer_id']} ({len(doubled):,} such rows).",
            "Keep one row per customer, placement and item.",
        )


def _day(path: Path, frame: pl.DataFrame) -> date | None:
    if "data_as_of" not in frame.columns or frame.is_empty():
        return None
    days = frame["data_as_of"].unique().sort().to_list()
    if len(days) > 1:
        raise UserError(f"{path} mixes data as of {days[0]} and {days[-1]}.", "Import one day at a time.")
    found: date = days[0]
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
