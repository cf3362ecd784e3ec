"""Lists made anew inside the day (`ml-assets run --since-last`) by share of customers, beside a whole run of the day.

The shop is made up: customers who mostly buy again what they bought. Every micro-batch meets customers who bought
something for the first time today; its stages are those that the command tells.
"""

import argparse
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl

from ml_assets.cli.run import quiet_libraries
from ml_assets.dagster.runner import Runner
from ml_assets.database.embedded.server import stop_embedded
from ml_assets.progress import Stage
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings

LINES = 50
"""Of a customer."""
DAYS = 120
SHELF = 12
"""Items that a customer buys again and again."""
ORDER = 4
"""Lines of an order."""
SHOP = """
name: bench
timezone: UTC
home: {home}
source:
  kind: files
  events: events
  columns: {{customer: buyer, item: item, time: at, order: receipt, quantity: pieces, amount: paid}}
  items: items.parquet
  item_columns: {{item: item, name: title, category: kind}}
recommender: {{selection: {{effort: quick}}}}
serving: {{gates: {{most_rescored: 1.0}}}}
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks since-last")
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument(
        "--changed", type=int, nargs="+", help="Customers of each micro-batch; by default 0.1, 1, 10 %%."
    )
    parser.add_argument("--folder", type=Path, help="Where files and the database lie meanwhile.")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    changed = asked.changed or [max(asked.customers * share // 1000, 1) for share in (1, 10, 100)]
    if sum(changed) > asked.customers:
        parser.error(f"--changed names {sum(changed):,} customers, more than the {asked.customers:,} of --customers.")
    found = measure(asked.customers, changed, asked.folder)
    if asked.json:
        print(json.dumps(found))
    else:
        _show(found)


def measure(customers: int, changed: list[int], folder: Path | None) -> dict[str, Any]:
    """Seconds of a whole day and of each micro-batch, by stage."""
    quiet_libraries()
    today = datetime.now(UTC).date()
    with made_up(customers, today, folder) as settings:
        _whole_day(settings, today)
        whole = _whole_day(settings, today)
        batches = []
        for number, count in enumerate(changed):
            sell(settings, today, sum(changed[: number + 1]), customers)
            recorder = Recorder()
            done = Runner(settings, recorder).since_last()
            stages = recorder.stages()
            if (done.state, done.customers) != ("shown", count):
                raise RuntimeError(f"The micro-batch of {count:,} customers: {done.state}, {done.words}")
            seconds = sum(stages.values())
            batches.append(
                {"customers": count, "seconds": seconds, "of_the_whole_day": seconds / whole, "stages": stages}
            )
    return {"customers": customers, "lines": customers * LINES, "whole_day_seconds": whole, "batches": batches}


class Recorder:
    """When each stage began."""

    def __init__(self) -> None:
        self._began: list[tuple[str, float]] = [("starting", perf_counter())]

    def __call__(self, stage: str | Stage) -> None:
        """Another stage begins, or the same goes on."""
        text = re.split(r" for customers|[,:] ", stage if isinstance(stage, str) else stage.text)[0]
        if text != self._began[-1][0]:
            self._began.append((text, perf_counter()))

    def stages(self) -> dict[str, float]:
        """Seconds of each, now that all is done."""
        ends = [*(begin for _, begin in self._began[1:]), perf_counter()]
        seconds: dict[str, float] = {}
        for (text, begin), end in zip(self._began, ends, strict=True):
            seconds[text] = seconds.get(text, 0.0) + end - begin
        return seconds


def _whole_day(settings: Settings, today: date) -> float:
    """Load, score and publish yesterday; models are trained where there are none."""
    began = perf_counter()
    runner = Runner(settings, lambda _: None)
    with runner.working():
        failed, _ = runner.run([today - timedelta(days=1)])
    if failed:
        raise RuntimeError(f"The day failed: {failed}")
    return perf_counter() - began


@contextmanager
def made_up(customers: int, today: date, folder: Path | None = None) -> Iterator[Settings]:
    """A shop with a file of each day up to yesterday, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="ml_assets_benchmark-", dir=folder) as name:
        root = Path(name)
        (root / "events").mkdir()
        items = max(customers // 20, 100)
        write_events(root / "events", customers, items, today)
        codes = np.arange(items)
        pl.DataFrame({"item": codes, "title": [f"Item {code}" for code in codes], "kind": codes % 50}).with_columns(
            pl.col("kind").cast(pl.String)
        ).write_parquet(root / "items.parquet")
        (root / "shop.yaml").write_text(SHOP.format(home=root / "home"), encoding="utf-8")
        settings = load_settings(root / "shop.yaml")
        try:
            yield settings
        finally:
            stop_embedded(settings.home)


def write_events(folder: Path, customers: int, items: int, today: date) -> None:
    """`LINES` lines of each customer over `DAYS` days, in orders of `ORDER`."""
    rng = np.random.default_rng(1)
    orders = customers * (LINES // ORDER)
    customer = np.repeat(rng.integers(0, customers, orders), ORDER)
    day = np.repeat(rng.integers(0, DAYS, orders), ORDER)
    order = np.repeat(np.arange(orders), ORDER)
    frame = pl.DataFrame({"buyer": customer, "item": _items(rng, customer, items), "receipt": order, "day": day})
    first = today - timedelta(days=DAYS)
    for (number,), lines in frame.group_by("day"):
        one = first + timedelta(days=int(number))
        _as_lines(lines, one).write_parquet(folder / f"{one}.parquet")


def sell(settings: Settings, today: date, buyers: int, customers: int) -> None:
    """The file of today: one order of each of the first customers, the same however many follow."""
    buyer = np.repeat(np.arange(customers), 2)
    bought = _items(np.random.default_rng(2), buyer, 100)
    lines = pl.DataFrame({"buyer": buyer, "item": bought, "receipt": -1 - buyer}).head(2 * buyers)
    folder = settings.home.parent / "events"
    _as_lines(lines, today).write_parquet(folder / f"{today}.parquet")


def _items(rng: np.random.Generator, customer: np.ndarray, items: int) -> np.ndarray:
    """Of each line mostly one of the customer's own items, few of which sell a lot."""
    place = rng.integers(0, SHELF, customer.size)
    own = (customer * 7919 + place * place * 104_729) % items
    famous = np.minimum(rng.zipf(1.3, customer.size) - 1, items - 1)
    return np.where(rng.random(customer.size) < 0.8, own, famous)


def _as_lines(lines: pl.DataFrame, day: date) -> pl.DataFrame:
    return lines.select(
        "buyer",
        "item",
        pl.col("receipt"),
        at=pl.lit(datetime.combine(day, datetime.min.time())) + pl.duration(seconds=pl.col("receipt").abs() % 60),
        pieces=pl.lit(1.0),
        paid=pl.lit(3.0),
    )


def _show(found: dict[str, Any]) -> None:
    customers, whole = found["customers"], found["whole_day_seconds"]
    print(f"{customers:,} customers, {found['lines']:,} lines; a whole run of the day: {whole:.1f} s")
    for batch in found["batches"]:
        seconds, count, share = batch["seconds"], batch["customers"], batch["of_the_whole_day"]
        print(f"{count:,} changed ({count / customers:.1%}): {seconds:.2f} s, {share:.3f} of the whole run")
        for stage, spent in batch["stages"].items():
            print(f"  {stage:44}{spent:8.2f} s  {spent / seconds:6.1%}")
