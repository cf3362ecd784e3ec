"""What judging costs with a million customers, beside the least a round trip can cost.

A shop is published at two sizes, and every evaluation is timed next to a `SELECT 1` and to the freshness view alone, in
turns; medians and queries are printed. The cost must not grow with the customers.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg

from ml_assets.alerts.evaluate import evaluate
from ml_assets.serving.connection import ServingConnection
from ml_assets.serving.embedded import start_embedded, stop_embedded
from ml_assets.serving.freshness import observe, read_freshness, sync_policies
from ml_assets.serving.migrate import migrate
from ml_assets.serving.publish import publish
from ml_assets.serving.registry import register
from ml_assets.serving.schemas import Schemas
from ml_assets.settings.shop import Settings

ROUNDS = 41
SIZES = (1_000, 1_000_000)


class Counting(ServingConnection):
    """A connection that counts its statements."""

    statements = 0

    def execute(self, *arguments: Any, **options: Any) -> psycopg.Cursor[Any]:
        """Count, then execute."""
        self.statements += 1
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
    publish(connection, "recommendations", lists, day=day, model_version="m", run_id=None, k=5)
    for name, kind in (("transactions", "data"), ("interactions", "features"), ("customer_features", "features")):
        observe(connection, name, kind, day)  # type: ignore[arg-type]
    for kind in ("recommender", "segmentation"):
        for week in range(60):
            register(
                connection,
                kind=kind,
                version=f"{kind}-{week}",
                trained_through=day - timedelta(weeks=week),
                data_fingerprint="",
                parameters={},
                metrics={},
                card={},
                artifact="",
                checksum="",
                decision="promoted",
                reason="",
            )
    connection.execute(
        "INSERT INTO ml_meta.source_days SELECT %s::date - n, 100000 + n, 'x' FROM generate_series(0, 400) AS n", [day]
    )
    connection.execute("UPDATE ml_meta.shop SET created_at = now() - interval '1 year'")


def measure(connection: Counting, day: date) -> dict[str, float]:
    """Median milliseconds of each side, taken in turns."""
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
    taken: dict[str, list[float]] = {name: [] for name in sides}
    queries: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            before, started = connection.statements, time.perf_counter()
            side()
            taken[name].append((time.perf_counter() - started) * 1000)
            queries[name] = connection.statements - before
    return {name: statistics.median(values) for name, values in taken.items()} | {
        f"{name}, queries": float(count) for name, count in queries.items()
    }


def run() -> dict[int, dict[str, float]]:
    """Results by number of customers."""
    day = date(2026, 3, 17)
    results = {}
    with tempfile.TemporaryDirectory(prefix="ml_assets_benchmark-") as folder:
        home = Path(folder)
        url = start_embedded(home)
        try:
            for customers in SIZES:
                with psycopg.connect(url, autocommit=True) as admin:
                    admin.execute(f"CREATE DATABASE shop_{customers}")
                own = url.replace("/postgres?", f"/shop_{customers}?")
                with Counting.open(own, Schemas()) as connection:
                    fill(connection, customers, day)
                    results[customers] = measure(connection, day)
        finally:
            stop_embedded(home)
    return results


def main() -> None:
    """Print the table."""
    results = run()
    names = [name for name in next(iter(results.values())) if not name.endswith("queries")]
    out = sys.stdout
    out.write(f"{'':26}" + "".join(f"{customers:>12,}" for customers in results) + "   ratio  queries\n")
    for name in names:
        values = [found[name] for found in results.values()]
        queries = next(iter(results.values()))[f"{name}, queries"]
        out.write(f"{name:26}" + "".join(f"{value:9.2f} ms" for value in values))
        out.write(f"{values[-1] / values[0]:8.2f} {queries:8.0f}\n")
    out.write(f"{os.cpu_count()} CPUs, medians of {ROUNDS} rounds in turns\n")


if __name__ == "__main__":
    main()
