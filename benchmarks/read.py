"""Loading a whole history as CSV, Parquet and from PostgreSQL, beside the least that could be done with it.

`read_sides.py` says what each side contains. Each runs in a process of its own, whose most memory is told, and they
take turns. The database server is part of the seconds of processors, which say more than the seconds that passed where
the machine does other work as well.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psycopg

from benchmarks.read_sides import SIDES, TABLE
from benchmarks.shop import server

KINDS = ("csv", "parquet", "postgres")
FIRST_DAY = date(2024, 1, 1)
SECONDS_A_DAY = 86_400
BLOCK = 1_000_000
# Lines without a customer, and lines that take goods back.
GUESTS, RETURNS = 0.01, 0.02
BAR = 1.5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks read")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--folder", type=Path, help="Where files and the database lie meanwhile.")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        _work(asked.side[0], asked.side[1], asked.folder)
        return
    found: dict[str, Any] = {}
    if not asked.json:
        print(f"{asked.rows:,} lines of {asked.days} days, {asked.rounds} rounds in turns; medians, most memory")
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="ml_assets_benchmark-") as name:
        for kind in asked.kinds:
            found[kind] = _measure(kind, asked, Path(name))
            if not asked.json:
                _show(kind, found[kind], asked.rows)
    if asked.json:
        print(json.dumps({"kinds": found}))


def _show(kind: str, facts: dict[str, Any], rows: int) -> None:
    for name, side in facts["sides"].items():
        took = f"{side['seconds']:8.1f} s passed {side['cpu']:8.1f} s of processors"
        print(f"  {kind:9} {name:5} {took} {rows / side['seconds']:12,.0f} lines/s {side['mb']:7,.0f} MB")
    for name, ratio in facts["ratios"].items():
        bar = f"  (bar: {BAR})" if name == "days" else ""
        print(
            f"  {kind:9} load / {name}: {ratio['cpu']:.2f} in processors, {ratio['seconds']:.2f} in time{bar}",
            flush=True,
        )


def _measure(kind: str, asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One kind of source; what it took on the disk is gone afterwards."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in SIDES}
    with tempfile.TemporaryDirectory(dir=folder) as name, server(folder) as (url, home):
        place = Path(name)
        (place / "url").write_text(url, encoding="utf-8")
        write_history(place, asked.rows, asked.days, kind, url)
        for _ in range(asked.rounds):
            for side, each in runs.items():
                before = _seconds_of_server(home)
                ran = _in_process(kind, side, place)
                ran["cpu"] += _seconds_of_server(home) - before if kind == "postgres" else 0.0
                each.append(ran)
    ratios = {
        side: {
            what: statistics.median(ours[what] / other[what] for ours, other in zip(runs["load"], each, strict=True))
            for what in ("cpu", "seconds")
        }
        for side, each in runs.items()
        if side != "load"
    }
    sides = {
        side: {what: statistics.median(run[what] for run in each) for what in ("seconds", "cpu")}
        | {"mb": max(run["mb"] for run in each)}
        for side, each in runs.items()
    }
    return {"sides": sides, "ratios": ratios}


def write_history(folder: Path, rows: int, days: int, kind: str, url: str) -> None:
    """Made-up lines in the order of their times, as `lines.csv` or `lines.parquet`, or as a table of the database."""
    parts = folder / "parts"
    parts.mkdir()
    for number, frame in enumerate(_blocks(rows, days)):
        frame.write_parquet(parts / f"{number:05}.parquet")
    lines = pl.scan_parquet(parts / "*.parquet")
    if kind == "parquet":
        lines.sink_parquet(folder / "lines.parquet")
    else:
        lines.sink_csv(folder / "lines.csv", datetime_format="%Y-%m-%d %H:%M:%S")
    shutil.rmtree(parts)
    if kind == "postgres":
        _write_table(url, folder / "lines.csv")


def _write_table(url: str, path: Path) -> None:
    with psycopg.connect(url, autocommit=True) as connection, path.open("rb") as file:
        connection.execute(
            f"CREATE TABLE {TABLE} (order_id bigint, customer_id bigint, item_id bigint, occurred_at timestamp, "
            "quantity integer, amount double precision)"
        )
        with connection.cursor().copy(f"COPY {TABLE} FROM STDIN (FORMAT csv, HEADER)") as copy:
            while block := file.read(2**20):
                copy.write(block)
        connection.execute(f"CREATE INDEX ON {TABLE} (occurred_at)")
        connection.execute(f"VACUUM ANALYZE {TABLE}")
    path.unlink()


def _blocks(rows: int, days: int) -> Iterator[pl.DataFrame]:
    rng = np.random.default_rng(1)
    start = (FIRST_DAY - date(1970, 1, 1)).days * SECONDS_A_DAY
    customers, orders = rows // 50 + 2, 0
    for begin in range(0, rows, BLOCK):
        count = min(BLOCK, rows - begin)
        low, high = (days * SECONDS_A_DAY * place // rows for place in (begin, begin + count))
        order = orders + np.cumsum(rng.random(count) < 0.3)
        orders = int(order[-1]) + 1
        pieces = rng.integers(1, 5, count)
        lines = pl.DataFrame(
            {
                "order_id": order,
                "customer_id": rng.integers(1, customers, count),
                "item_id": rng.zipf(1.3, count) % 20_011,
                "occurred_at": pl.Series((np.sort(rng.integers(low, high, count)) + start) * 1_000_000).cast(
                    pl.Datetime("us")
                ),
                "quantity": np.where(rng.random(count) < RETURNS, -pieces, pieces),
                "amount": (rng.random(count) * 50).round(2),
            }
        )
        is_guest = pl.Series(rng.random(count) < GUESTS)
        yield lines.with_columns(customer_id=pl.when(~is_guest).then("customer_id"))


def _in_process(kind: str, side: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks", "read", "--side", kind, side, "--folder", str(folder)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def _work(kind: str, side: str, folder: Path) -> None:
    """One side, in this process."""
    url = (folder / "url").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        act = SIDES[side](kind, folder, Path(name), url)
        began, before = time.perf_counter(), _seconds_of_processors()
        act()
        seconds, cpu = time.perf_counter() - began, _seconds_of_processors() - before
        print(json.dumps({"seconds": seconds, "cpu": cpu, "mb": _most_memory()}))


def _seconds_of_processors() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _seconds_of_server(home: Path) -> float:
    """What all processes of the server that have ended took of processors."""
    # That of the last session may be ending.
    time.sleep(0.5)
    pid = (home / "postgres" / "postmaster.pid").read_text(encoding="utf-8").split()[0]
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def _most_memory() -> float:
    """The most memory that this process held at once, in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


if __name__ == "__main__":
    main()
