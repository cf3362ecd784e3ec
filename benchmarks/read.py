"""Loading a whole history as CSV, Parquet and from PostgreSQL, beside the least that could be done with it.

That least is Polars alone from the file to one Parquet file, and `COPY TO` of the table. Ours is the first load of a
shop: the look at the files, the event contract, and a file of events and one of refused lines for every day. Each side
runs in a process of its own, whose most memory is told.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psycopg

from benchmarks.shop import server
from ml_assets.events.load import load_days
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source

KINDS = ("csv", "parquet", "postgres")
FIRST_DAY = date(2024, 1, 1)
SECONDS_A_DAY = 86_400
BLOCK = 1_000_000
COLUMNS = {"order": "order_id", "quantity": "quantity", "amount": "amount"}
TABLE = "lines"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks read")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--folder", type=Path, help="Where files and databases lie; a temporary one unless given.")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        _work(asked.side[0], asked.side[1], asked.folder)
        return
    facts = _measure(asked)
    if asked.json:
        print(json.dumps(facts))
        return
    print(f"{asked.rows:,} lines of {asked.days} days, {asked.rounds} rounds in turns; seconds and ratios are medians")
    for kind, sides in facts["kinds"].items():
        for name, side in sides["sides"].items():
            rate = asked.rows / side["seconds"]
            print(f"  {kind:9} {name:6} {side['seconds']:8.1f} s {rate:12,.0f} lines/s {side['mb']:8,.0f} MB at most")
        print(f"  {kind:9} ours / plain: {sides['ratio']:.2f} in time  (bar: 1.50)")


def _measure(asked: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with server() as (url, _), tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        (folder / "url").write_text(url, encoding="utf-8")
        write_history(folder, asked.rows, asked.days, url if "postgres" in asked.kinds else None)
        for kind in asked.kinds:
            runs: dict[str, list[dict[str, float]]] = {"plain": [], "ours": []}
            for _ in range(asked.rounds):
                for side, each in runs.items():
                    each.append(_in_process(kind, side, folder))
            both = zip(runs["ours"], runs["plain"], strict=True)
            sides = {
                side: {
                    "seconds": statistics.median(run["seconds"] for run in each),
                    "mb": max(run["mb"] for run in each),
                }
                for side, each in runs.items()
            }
            ratio = statistics.median(ours["seconds"] / plain["seconds"] for ours, plain in both)
            found[kind] = {"sides": sides, "ratio": ratio}
    return {"kinds": found}


def write_history(folder: Path, rows: int, days: int, url: str | None) -> None:
    """The same made-up lines as a CSV file, a Parquet file and, with a URL, a table; in the order of their times."""
    parts = folder / "parts"
    parts.mkdir()
    for number, frame in enumerate(_blocks(rows, days)):
        frame.write_parquet(parts / f"{number:05}.parquet")
    lines = pl.scan_parquet(parts / "*.parquet")
    lines.sink_parquet(folder / "lines.parquet")
    lines.sink_csv(folder / "lines.csv", datetime_format="%Y-%m-%d %H:%M:%S")
    shutil.rmtree(parts)
    if url:
        with psycopg.connect(url, autocommit=True) as connection, (folder / "lines.csv").open("rb") as file:
            connection.execute(
                f"CREATE TABLE {TABLE} (order_id bigint, customer_id bigint, item_id bigint, occurred_at timestamp, "
                "quantity integer, amount double precision)"
            )
            with connection.cursor().copy(f"COPY {TABLE} FROM STDIN (FORMAT csv, HEADER)") as copy:
                while block := file.read(2**20):
                    copy.write(block)
            connection.execute(f"CREATE INDEX ON {TABLE} (occurred_at)")
            connection.execute(f"VACUUM ANALYZE {TABLE}")


def _blocks(rows: int, days: int) -> Iterator[pl.DataFrame]:
    rng = np.random.default_rng(1)
    start = (FIRST_DAY - date(1970, 1, 1)).days * SECONDS_A_DAY
    customers, orders = rows // 50 + 2, 0
    for begin in range(0, rows, BLOCK):
        count = min(BLOCK, rows - begin)
        low, high = (days * SECONDS_A_DAY * place // rows for place in (begin, begin + count))
        order = orders + np.cumsum(rng.random(count) < 0.3)
        orders = int(order[-1]) + 1
        yield pl.DataFrame(
            {
                "order_id": order,
                "customer_id": rng.integers(1, customers, count),
                "item_id": rng.zipf(1.3, count) % 20_011,
                "occurred_at": pl.Series((np.sort(rng.integers(low, high, count)) + start) * 1_000_000).cast(
                    pl.Datetime("us")
                ),
                "quantity": rng.integers(1, 5, count),
                "amount": (rng.random(count) * 50).round(2),
            }
        )


def _in_process(kind: str, side: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks", "read", "--side", kind, side, "--folder", str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def _work(kind: str, side: str, folder: Path) -> None:
    """One side, in this process."""
    url = (folder / "url").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        act = plain(kind, folder, scratch, url) if side == "plain" else ours(kind, folder, scratch, url)
        began = time.perf_counter()
        act()
        print(json.dumps({"seconds": time.perf_counter() - began, "mb": _most_memory()}))


def plain(kind: str, folder: Path, scratch: Path, url: str) -> Callable[[], object]:
    """The same data from one place to another, by nothing but the library or the server."""
    target = scratch / "plain"
    if kind == "csv":
        return lambda: pl.scan_csv(folder / "lines.csv", try_parse_dates=True).sink_parquet(target)
    if kind == "parquet":
        return lambda: pl.scan_parquet(folder / "lines.parquet").sink_parquet(target)
    return lambda: _copy(url, target)


def _copy(url: str, target: Path) -> None:
    statement = f"COPY {TABLE} TO STDOUT (FORMAT binary)"
    with psycopg.connect(url) as connection, target.open("wb") as file, connection.cursor().copy(statement) as copy:
        for block in copy:
            file.write(block)


def ours(kind: str, folder: Path, scratch: Path, url: str) -> Callable[[], object]:
    """The first load of the history into a lake of its own."""
    place = {"table": TABLE, "url": url} if kind == "postgres" else {"events": str(folder / f"lines.{kind}")}
    section = {"kind": "postgres" if kind == "postgres" else "files", "columns": COLUMNS, **place}
    settings = Settings.model_validate({"home": scratch, "source": section})

    def load() -> None:
        source = build_source(settings)
        covered = source.days()
        days = [covered.first + timedelta(days=number) for number in range((covered.last - covered.first).days + 1)]
        loaded, lake = load_days(source, days, settings.events, aside=scratch), Lake.of(settings)
        for day in loaded:
            lake.write("transactions", loaded.valid(day), day)
            lake.write("quarantined_transactions", loaded.quarantined(day), day)

    return load


def _most_memory() -> float:
    """The most memory that this process held at once, in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


if __name__ == "__main__":
    main()
