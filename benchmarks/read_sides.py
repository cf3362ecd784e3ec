"""The three ways from a history to Parquet that `benchmarks read` compares, each a function that does it once.

- `load` is the first load of a shop: the look at the files, the event contract, fingerprints for corrections, and for
  every day a file of events and one of refused lines, each of which appears whole or not at all.
- `days` is the least that gives the same files: the same bytes read, and for each day one file of events and one of
  refused lines with the same columns and types, the same order of lines and the same compression. It knows everything
  beforehand: the types, how times are written, that lines lie in the order of their days, and the two ways in which
  some are bad. It looks at nothing first, counts and compares nothing, and what it has written cannot be taken back.
  One query of Polars that gives the files of events, `sort` and a partitioned sink, takes a third longer than this and
  holds everything in memory; the same without `sort`, whose files are in another order, takes three quarters. Of
  PostgreSQL, ADBC decodes the binary COPY in less time than psycopg takes to throw it away, and than connectorx, which
  holds everything in memory; pgpq only writes.
- `one` is as little as can be called reading: one file with the columns as they came, and of PostgreSQL `COPY TO`
  without keeping anything.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import psycopg
from psycopg import sql

from ml_assets.events.load import load_days
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import PostgresSource
from ml_assets.sources.base import BLOCK_ROWS, by_day
from ml_assets.sources.build import build_source
from ml_assets.sources.postgres.connection import ShopDatabase

TABLE = "lines"
MAPPING = {"order": "order_id", "quantity": "quantity", "amount": "amount"}
TYPES = {
    "order_id": pl.Int64(),
    "customer_id": pl.Int64(),
    "item_id": pl.Int64(),
    "occurred_at": pl.String(),
    "quantity": pl.Int64(),
    "amount": pl.Float64(),
}
ORDER = ("customer_id", "occurred_at", "item_id")
Act = Callable[[], object]


def load(kind: str, folder: Path, scratch: Path, url: str) -> Act:
    """Into a lake of its own, in `scratch`."""
    place = {"table": TABLE, "url": url} if kind == "postgres" else {"events": str(folder / f"lines.{kind}")}
    section = {"kind": "postgres" if kind == "postgres" else "files", "columns": MAPPING, **place}
    settings = Settings.model_validate({"home": scratch, "source": section})

    def act() -> None:
        source = build_source(settings)
        covered = source.days()
        days = [covered.first + timedelta(days=number) for number in range((covered.last - covered.first).days + 1)]
        loaded, lake = load_days(source, days, settings.events, aside=scratch), Lake.of(settings)
        for day in loaded:
            lake.write("transactions", loaded.packed(day), day)
            lake.write("quarantined_transactions", loaded.quarantined(day), day)

    return act


def days(kind: str, folder: Path, scratch: Path, url: str) -> Act:
    """The same files, in `scratch`."""
    return lambda: _write_days(_blocks(kind, folder, url), scratch)


def one(kind: str, folder: Path, scratch: Path, url: str) -> Act:
    """One file, or nothing kept."""
    if kind == "postgres":
        return lambda: _copy(url)
    scan = _scan_csv(folder) if kind == "csv" else pl.scan_parquet(folder / "lines.parquet")
    return lambda: scan.sink_parquet(scratch / "one.parquet")


SIDES = {"load": load, "days": days, "one": one}


def _scan_csv(folder: Path) -> pl.LazyFrame:
    """Types that Polars finds out itself take three times as long."""
    time = pl.col("occurred_at").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", cache=False)
    return pl.scan_csv(folder / "lines.csv", schema=TYPES).with_columns(time)


def _blocks(kind: str, folder: Path, url: str) -> Iterator[pl.DataFrame]:
    time = pl.col("occurred_at")
    events = {
        "occurred_at": time.dt.replace_time_zone("UTC"),
        "day": time.dt.date(),
        "quantity": pl.col("quantity").cast(pl.Float64),
        "amount": pl.col("amount"),
        "order_id": pl.col("order_id").cast(pl.String),
        "event_type": pl.lit(None, pl.String),
        "is_return": pl.col("quantity") < 0,
    }
    if kind == "postgres":
        columns = sql.SQL(", ").join(map(sql.Identifier, TYPES))
        statement = sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(TABLE))
        source = PostgresSource.model_validate({"kind": "postgres", "table": TABLE, "url": url})
        for block in ShopDatabase(source, None).blocks(statement):
            yield block.select("customer_id", "item_id", **events)
        return
    scan = _scan_csv(folder) if kind == "csv" else pl.scan_parquet(folder / "lines.parquet")
    lines = scan.select("customer_id", "item_id", **events)
    yield from lines.collect_batches(chunk_size=BLOCK_ROWS, maintain_order=True, engine="streaming")


def _write_days(blocks: Iterable[pl.DataFrame], folder: Path) -> None:
    held: dict[date, pl.DataFrame] = {}
    for block in blocks:
        for day, part in by_day(block, "day").items():
            if day in held:
                held[day] = pl.concat([held[day], part])
            else:
                _write(held, folder)
                held = {day: part}
    _write(held, folder)


def _write(found: dict[date, pl.DataFrame], folder: Path) -> None:
    for day, lines in found.items():
        is_guest, is_return = pl.col("customer_id").is_null(), pl.col("is_return")
        good = lines.filter(~is_guest & ~is_return)
        refused = lines.with_row_index("line", 1).filter(is_guest | is_return)
        reason = pl.when(is_guest).then(pl.lit("missing_customer_id")).otherwise(pl.lit("return"))
        detail = pl.when(~is_guest).then(pl.col("quantity").cast(pl.String))
        refused = refused.select(
            reason.alias("reason"), detail.alias("detail"), pl.lit(TABLE).alias("source"), pl.all()
        )
        good.sort(ORDER).write_parquet(folder / f"{day}.parquet")
        refused.write_parquet(folder / f"{day}.refused.parquet")


def _copy(url: str) -> None:
    statement = f"COPY {TABLE} TO STDOUT (FORMAT binary)"
    with psycopg.connect(url) as connection, connection.cursor().copy(statement) as copy:
        for _ in copy:
            pass
