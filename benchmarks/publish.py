"""Publishing 200,000 customers x 60 candidates, from frame to live, beside what else could be done with the bytes.

The floor is the server reading the very same bytes from a file: no index, no gates, no pointer. The other end is one
row per recommendation through `write_database`, measured on a part of the customers and scaled to all of them.
"""

import importlib.util
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Literal

import polars as pl

from benchmarks.shop import DEPTH, FIRST_DAY, recommendations, shop
from ml_assets.database.connection import ServingConnection
from ml_assets.ids import IdTypes
from ml_assets.releases.copy.encode import SIGNATURE, TRAILER, encode
from ml_assets.releases.partition import BLOCK_ROWS, CHUNK_BYTES
from ml_assets.releases.pointer import roll_back, unpin
from ml_assets.releases.publish import Publication, publish
from ml_assets.releases.rows import ReleaseRows, checked
from ml_assets.subjects import PUBLISHED

CUSTOMERS = 200_000
ROUNDS = 5
# Parts of the customers for the slow ways, one in so many.
Engine = Literal["adbc", "sqlalchemy"]
PARTS: dict[Engine, int] = {"adbc": 20, "sqlalchemy": 400}


def main() -> None:
    """Measure and print."""
    frame, other = recommendations(CUSTOMERS), recommendations(CUSTOMERS, turn=5)
    with shop() as (connection, url, home):
        file = home / "rows.bin"
        write_rows(frame, file)
        print(f"{CUSTOMERS:,} customers x {DEPTH} candidates, {file.stat().st_size / 1e6:,.0f} MB, medians of {ROUNDS}")
        times: dict[str, list[float]] = {"publish": [], "copy": [], "copy unlogged": []}
        for number in range(ROUNDS):
            times["copy"].append(server_copy(connection, file))
            day = FIRST_DAY + timedelta(days=number)
            # Every other day brings other lists, as the gates expect.
            times["publish"].append(_timed(lambda: publish_day(connection, (frame, other)[number % 2], day)))  # noqa: B023
            times["copy unlogged"].append(server_copy(connection, file, "UNLOGGED"))
        rollback = _timed(lambda: roll_back(connection, "recommendations", to=None, reason="benchmark"))
        unpin(connection, "recommendations")
        middle = {name: median(seconds) for name, seconds in times.items()}
        pairs = [p / c for p, c in zip(times["publish"], times["copy"], strict=True)]
        print(f"  server-side COPY of the same bytes      {middle['copy']:7.2f} s   1.00")
        print(f"  the same into an unlogged table         {middle['copy unlogged']:7.2f} s")
        print(
            f"  publish: gates, COPY, index, live       {middle['publish']:7.2f} s   {median(pairs):.2f}  (bar: 1.60)"
        )
        least = min(times["publish"]) / min(times["copy"])
        print(f"    of the fastest rounds                            {least:.2f}")
        for engine in PARTS:
            _write_database(connection, frame, url, engine=engine, published=middle["publish"])
        print(f"  roll back                               {rollback:7.3f} s")


def publish_day(connection: ServingConnection, frame: pl.DataFrame, day: date) -> None:
    """Release a frame as of a day; raises where it does not go live."""
    new = Publication("recommendations", frame, day=day, model_version="m", k=20, keep=2)
    published = publish(connection, new)
    if published.state != "live":
        raise RuntimeError(f"The benchmark's release is {published.state}: {published.reason}")


def write_rows(frame: pl.DataFrame, file: Path) -> None:
    """Write what `publish` would send to a file that the server may read."""
    kind = PUBLISHED["recommendations"]
    rows = ReleaseRows(kind, checked(kind, frame, IdTypes("bigint", "bigint")))
    with file.open("wb") as target:
        target.write(SIGNATURE)
        for block in rows.blocks(BLOCK_ROWS):
            target.writelines(encode(block, CHUNK_BYTES))
        target.write(TRAILER)
    file.chmod(0o644)
    file.parent.chmod(0o755)


def server_copy(connection: ServingConnection, file: Path, kind: Literal["", "UNLOGGED"] = "") -> float:
    """Have the server read such a file into a table of its own; the seconds of the COPY alone."""
    names = "customer_id, placement, item_ids, scores, sources, reasons, reason_items_1, reason_items_2"
    connection.execute(f"CREATE {kind} TABLE ml_store.floor (LIKE ml_store.recommendations)")
    # As the releases are, or the floor would spend its time on compressing.
    connection.execute("ALTER TABLE ml_store.floor SET (toast_tuple_target = 8160)")
    connection.execute("ALTER TABLE ml_store.floor ALTER release_id SET DEFAULT 1")
    seconds = _timed(lambda: connection.execute(f"COPY ml_store.floor ({names}) FROM '{file}' (FORMAT binary)"))
    connection.execute("DROP TABLE ml_store.floor")
    return seconds


def _write_database(
    connection: ServingConnection, frame: pl.DataFrame, url: str, *, engine: Engine, published: float
) -> None:
    if engine == "adbc" and importlib.util.find_spec("adbc_driver_postgresql") is None:
        print("  write_database, adbc                    not measured: pip install adbc-driver-postgresql")
        return
    part = PARTS[engine]
    some = frame.head(CUSTOMERS // part)
    lists = ["item_ids", "scores", "sources", "reason_codes", "reason_items"]
    rows = some.explode(lists).with_columns(
        pl.col("reason_items").list.get(place).alias(f"reason_item_{place + 1}") for place in (0, 1)
    )
    # ADBC cannot ingest Enums.
    rows = rows.drop("reason_items").cast({"sources": pl.String, "reason_codes": pl.String})
    uri = url if engine == "adbc" else url.replace("postgresql://", "postgresql+psycopg2://")

    def write() -> None:
        rows.write_database(f"public.by_{engine}", uri, engine=engine, if_table_exists="replace")
        connection.execute(f"CREATE INDEX ON public.by_{engine} (customer_id, placement)")

    seconds = part * _timed(write)
    label = f"one row each, {engine} (1 customer in {part})"
    print(f"  {label:40}{seconds:7.1f} s   publish is {seconds / published:,.1f} times faster  (bar: 5)")


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
