"""What judging costs with a million customers, beside the least a round trip can cost.

A shop is published at two sizes, and every evaluation is timed next to a `SELECT 1` and to the freshness view alone, in
turns; medians and queries are printed. The cost must not grow with the customers.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import polars as pl
import psycopg

from benchmarks.sides import interleaved
from ml_assets.alerts.judge.evaluate import evaluate
from ml_assets.books.freshness import observe, read_freshness, sync_policies
from ml_assets.books.models import RegisteredModel, register
from ml_assets.contract.migrate import migrate
from ml_assets.database.connection import ServingConnection
from ml_assets.database.embedded.server import start_embedded, stop_embedded
from ml_assets.database.names import Schemas
from ml_assets.releases.publish import Publication, publish
from ml_assets.settings.shop import Settings
from ml_assets.subjects import MODEL_KINDS

ROUNDS = 41
SIZES = (1_000, 1_000_000)


class Counting(psycopg.Cursor[Any]):
    """A cursor that counts statements."""

    statements = 0

    def execute(self, *arguments: Any, **options: Any) -> Self:
        """Count, then execute."""
        Counting.statements += 1
        return super().execute(*arguments, **options)


def fill(connection: ServingConnection, customers: int, day: date) -> None:
    """Publish lists for so many customers, with 60 days of book-keeping behind them."""
    migrate(connection, customer_id_type="bigint", item_id_type="bigint", source="benchmark")
    sync_policies(connection, Settings())
    # Different lists for different customers, as the gates demand; five items, because depth costs nothing here.
    items = [((pl.col("customer_id") * 7 + place * 1013) % 5003) for place in range(5)]
    one = pl.DataFrame(
        {
            "placement": ["for_you"],
            "scores": [[5.0, 4.0, 3.0, 2.0, 1.0]],
            "sources": [["personal"] * 5],
            "reason_codes": [["bought_often"] * 5],
            "reason_items": [[[1]] * 5],
        }
    )
    lists = pl.DataFrame({"customer_id": pl.int_range(customers, eager=True)}).join(one, how="cross")
    lists = lists.with_columns(item_ids=pl.concat_list(items))
    publish(connection, Publication("recommendations", lists, day=day, model_version="m", k=5))
    for name, kind in (("transactions", "data"), ("interactions", "features"), ("customer_features", "features")):
        observe(connection, name, kind, day)  # type: ignore[arg-type]
    for kind in MODEL_KINDS:
        for week in range(60):
            model = RegisteredModel(
                kind=kind,
                version=f"{kind}-{week}",
                trained_through=day - timedelta(weeks=week),
                artifact="",
                checksum="",
                decision="promoted",
                reason="",
                parameters={},
                metrics={},
            )
            register(connection, model, {"data_fingerprint": ""})
    connection.execute(
        "INSERT INTO ml_meta.source_days SELECT %s::date - n, 100000 + n, 'x' FROM generate_series(0, 400) AS n", [day]
    )
    connection.execute("UPDATE ml_meta.shop SET created_at = now() - interval '1 year'")


def measure(connection: ServingConnection, day: date, rounds: int) -> dict[str, tuple[float, int]]:
    """Median milliseconds and statements of each side, taken in turns."""
    settings = Settings()
    noon = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=12)
    stale = noon + timedelta(days=3)

    def judge(now: datetime) -> None:
        evaluate(connection, settings, now=now, evaluator="watch", watch_dagster=False)

    sides: dict[str, Callable[[], object]] = {
        "SELECT 1": lambda: connection.execute("SELECT 1").fetchall(),
        "ml.freshness": lambda: read_freshness(connection, noon),
        "evaluation, all fresh": lambda: judge(noon),
        "evaluation, feed stale": lambda: judge(stale),
    }
    taken = interleaved(sides, rounds)
    queries = {}
    for name, side in sides.items():
        before = Counting.statements
        side()
        queries[name] = Counting.statements - before
    return {name: (statistics.median(values) * 1000, queries[name]) for name, values in taken.items()}


def run(sizes: tuple[int, ...] = SIZES, rounds: int = ROUNDS) -> dict[int, dict[str, tuple[float, int]]]:
    """Milliseconds and statements of each side, by number of customers."""
    day = date(2026, 3, 17)
    results = {}
    with tempfile.TemporaryDirectory(prefix="ml_assets_benchmark-") as folder:
        home = Path(folder)
        url = start_embedded(home)
        try:
            for customers in sizes:
                with psycopg.connect(url, autocommit=True) as admin:
                    admin.execute(f"CREATE DATABASE shop_{customers}")
                own = url.replace("/postgres?", f"/shop_{customers}?")
                with ServingConnection.open(own, Schemas()) as connection:
                    fill(connection, customers, day)
                    connection.cursor_factory = Counting
                    results[customers] = measure(connection, day, rounds)
        finally:
            stop_embedded(home)
    return results


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog=sys.argv[0], description=__doc__)
    parser.add_argument("--quick", action="store_true", help="Small shops and few rounds, to see that it works.")
    parser.add_argument("--json", action="store_true", help="Print facts as JSON.")
    chosen = parser.parse_args()
    rounds = 3 if chosen.quick else ROUNDS
    results = run((100, 1_000) if chosen.quick else SIZES, rounds)
    smallest, largest = results[min(results)], results[max(results)]
    if chosen.json:
        facts = {
            name: {"ms": large, "statements": count, "ratio_to_small_shop": large / smallest[name][0]}
            for name, (large, count) in largest.items()
        }
        print(json.dumps({"customers": max(results), "sides": facts}, indent=2))
        return
    print(f"{'customers':24}" + "".join(f"{customers:>14,}" for customers in results) + "   ratio  statements")
    for name, (large, count) in largest.items():
        values = "".join(f"{found[name][0]:11.2f} ms" for found in results.values())
        print(f"{name:24}{values}{large / smallest[name][0]:8.2f}{count:12}")
    print(f"{os.cpu_count()} CPUs, medians of {rounds} rounds in turns")


if __name__ == "__main__":
    main()
