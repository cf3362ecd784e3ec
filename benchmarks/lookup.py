"""Lookups in ml.recommendations with all read-time rules on, as fractions of `SELECT 1`; their p99 while publishing.

pgbench, 4 prepared clients, the sides interleaved. 200,000 lists of 60 candidates of which 20 are shown, 500
unavailable items, 300,000 purchases since the release, 2,000 customers opted out.

What readers feel of a publisher that never pauses is measured twice: with clients at full speed, who need the whole
machine, and at a fixed tenth of that rate. A server that does nothing but COPY the same rows stands beside it.
"""

import argparse
import sys
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.pgbench import CLIENTS, Pgbench
from benchmarks.publish import publish_day
from benchmarks.shop import FIRST_DAY, ITEMS, recommendations, shop
from benchmarks.sides import ratios
from benchmarks.writers import Writer, copying, publishing
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError

CUSTOMERS = 200_000
PERSON = f"\\set c random(0, {CUSTOMERS - 1})\n"
WHERE = "WHERE customer_id = :c AND placement = 'for_you'"
COLUMNS = "rank, item_id, score, source, reason_code, data_as_of, predicted_at, model_version, release_id, is_stale"
SCRIPTS = {
    "SELECT 1": "SELECT 1\n",
    "array row by key, no rules": f"{PERSON}SELECT item_ids, scores FROM ml_store.recommendations_1 {WHERE}\n",
    "lookup: rank, item, score": f"{PERSON}SELECT rank, item_id, score FROM ml.recommendations {WHERE}\n",
    "lookup: all but sentences": f"{PERSON}SELECT {COLUMNS} FROM ml.recommendations {WHERE}\n",
    "lookup: all columns": f"{PERSON}SELECT * FROM ml.recommendations {WHERE}\n",
    "ml.recommend(...)": f"{PERSON}SELECT * FROM ml.recommend(:c, 'for_you', 20)\n",
}
LOOKUP = "lookup: rank, item, score"
ARRANGED = "the same with 10 pins, boosts, caps"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks lookup", description=__doc__)
    parser.add_argument("--seconds", type=int, default=2, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is repeated")
    parser.add_argument("--busy-rounds", type=int, default=3, help="how often those beside a writer are")
    parser.add_argument("--busy-seconds", type=int, default=30, help="length of each measurement beside a writer")
    options = parser.parse_args()
    try:
        with shop() as (connection, url, home):
            bench = Pgbench(url)
            fill(connection)
            rate = rates(bench, connection, options)
            disturbed(bench, url, home, rate / 10, options)
    except UserError as error:
        print(f"Error: {error.problem}\nNext:  {error.next_step}", file=sys.stderr)
        return 1
    return 0


def fill(connection: ServingConnection) -> None:
    """Publish the lists and switch the rules on."""
    publish_day(connection, recommendations(CUSTOMERS), FIRST_DAY)
    rules = (
        "INSERT INTO ml_meta.rules (kind, item_id) SELECT 'unavailable', i * 37 %% %s FROM generate_series(1, 500) i"
    )
    connection.execute(rules, [ITEMS])
    connection.execute(
        "INSERT INTO ml_meta.purchases SELECT random() * %s, random() * %s FROM generate_series(1, 300000)",
        [CUSTOMERS - 1, ITEMS - 1],
    )
    connection.execute("INSERT INTO ml_meta.opt_outs SELECT generate_series(1, %s, 100)", [CUSTOMERS])
    connection.execute(
        "INSERT INTO ml_store.items SELECT i, 'Item ' || i, 'category ' || i %% 50 FROM generate_series(0, %s) i",
        [ITEMS],
    )
    connection.execute("VACUUM ANALYZE")


def arrange(connection: ServingConnection) -> None:
    """Rules that change the order of lists."""
    connection.execute(
        "INSERT INTO ml_meta.rules (kind, item_id, category, value) "
        "SELECT 'pin', i, NULL, i FROM generate_series(1, 2) i UNION ALL "
        "SELECT 'boost', i * 100, NULL, 2 FROM generate_series(1, 5) i UNION ALL "
        "SELECT 'cap', NULL, 'category ' || i, 2 FROM generate_series(1, 3) i"
    )


def rates(bench: Pgbench, connection: ServingConnection, options: argparse.Namespace) -> float:
    """Print lookups per second; those of the lookup that has a bar."""
    measured: dict[str, list[float]] = {name: [] for name in SCRIPTS}
    for _ in range(options.rounds):
        for name, script in SCRIPTS.items():
            measured[name].append(bench.rate(script, options.seconds))
    arrange(connection)
    measured[ARRANGED] = [bench.rate(SCRIPTS[LOOKUP], options.seconds) for _ in range(options.rounds)]
    connection.execute("DELETE FROM ml_meta.rules WHERE kind NOT IN ('ban', 'unavailable')")
    bare = measured["SELECT 1"]
    print(f"{CUSTOMERS:,} lists, pgbench, {CLIENTS} prepared clients, medians of {options.rounds}")
    for name, values in measured.items():
        bar = "   (bar: 0.11)" if name == LOOKUP else ""
        _, paired = ratios(values, bare)
        print(f"  {name:38}{median(values):10,.0f} /s   {paired:.3f}, of the best {max(values) / max(bare):.3f}{bar}")
    return median(measured[LOOKUP])


def disturbed(bench: Pgbench, url: str, home: Path, rate: float, options: argparse.Namespace) -> None:
    """Print the p99 of the lookup beside a process that writes without a pause, as a multiple of that at rest."""
    writers = {
        "while publishing": Writer(publishing, CUSTOMERS, url, home),
        "beside a server-side COPY": Writer(copying, CUSTOMERS, url, home),
    }
    for pace, label in ((None, "at full speed"), (rate, f"at {rate:,.0f} lookups per second")):
        rest: list[float] = []
        times: dict[str, list[float]] = {name: [] for name in writers}
        for _ in range(options.busy_rounds):
            for name, writer in writers.items():
                rest.append(p99(bench, pace, options.busy_seconds // 2))
                with writer.working():
                    times[name].append(p99(bench, pace, options.busy_seconds) / rest[-1])
        print(f"  p99 {label}: at rest {median(rest):.2f} ms")
        for name, values in times.items():
            bar = "   (bar: 2)" if name == "while publishing" and pace is None else ""
            spread = f"from {min(values):.2f} to {max(values):.2f}"
            print(f"    {name:36}{median(values):10.2f} times as long, {spread}{bar}")


def p99(bench: Pgbench, rate: float | None, seconds: int) -> float:
    """Milliseconds."""
    return float(np.percentile(bench.latencies(SCRIPTS[LOOKUP], seconds, rate), 99))
