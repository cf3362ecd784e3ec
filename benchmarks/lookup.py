"""Lookups in ml.recommendations with all read-time rules on, as fractions of `SELECT 1`; their p99 while publishing.

pgbench, 4 prepared clients, the sides interleaved. 200,000 lists of 60 candidates of which 20 are shown, 500
unavailable items, 300,000 purchases since the release, 2,000 customers opted out.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from datetime import timedelta
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.shop import FIRST_DAY, ITEMS, recommendations, shop
from ml_assets.errors import UserError
from ml_assets.serving.connection import ServingConnection
from ml_assets.serving.publish import publish
from ml_assets.serving.schemas import Schemas

CUSTOMERS = 200_000
CLIENTS = 4
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
ARRANGED = "the same with 10 pins, boosts, caps"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks lookup", description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is repeated")
    options = parser.parse_args()
    try:
        program = find_pgbench()
    except UserError as error:
        print(f"Error: {error.problem}\nNext:  {error.next_step}", file=sys.stderr)
        return 1
    with shop() as (connection, url, _), tempfile.TemporaryDirectory() as folder:
        fill(connection)
        bench = Bench(program, url, Path(folder))
        scripts = SCRIPTS
        rates: dict[str, list[float]] = {name: [] for name in scripts}
        for _ in range(options.rounds):
            for name, script in scripts.items():
                rates[name].append(bench.rate(script, options.seconds))
        lookup = SCRIPTS["lookup: rank, item, score"]
        arrange(connection)
        rates[ARRANGED] = [bench.rate(lookup, options.seconds) for _ in range(options.rounds)]
        connection.execute("DELETE FROM ml_meta.rules WHERE kind NOT IN ('ban', 'unavailable')")
        base = median(rates["SELECT 1"])
        print(f"{CUSTOMERS:,} lists, pgbench, {CLIENTS} prepared clients, medians of {options.rounds}")
        for name, values in rates.items():
            bar = "   (bar: 0.11)" if name == "lookup: rank, item, score" else ""
            print(f"  {name:38}{median(values):10,.0f} /s   {median(values) / base:.3f}{bar}")
        rest, busy = latencies(bench, url, median(rates["lookup: rank, item, score"]) / 10, options)
        print(f"  p99 at rest {rest:.2f} ms, while publishing {busy:.2f} ms: {busy / rest:.2f} times  (bar: 2)")
    return 0


def find_pgbench() -> str:
    """The path of pgbench; raises `UserError` where it is not installed."""
    found = shutil.which("pgbench") or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"), reverse=True)), None
    )
    if found is None:
        raise UserError("pgbench is not installed.", "Install PostgreSQL's own tools: apt-get install postgresql-15.")
    return found


def fill(connection: ServingConnection) -> None:
    """Publish the lists and switch the rules on."""
    publish(
        connection, "recommendations", recommendations(CUSTOMERS), day=FIRST_DAY, model_version="m", run_id=None, k=20
    )
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
    # As if the release were live for an hour; for its first minute the views look twice.
    connection.execute("UPDATE ml_meta.live SET moved_at = now() - interval '1 hour'")


def arrange(connection: ServingConnection) -> None:
    """Rules that change the order of lists."""
    connection.execute(
        "INSERT INTO ml_meta.rules (kind, item_id, category, value) "
        "SELECT 'pin', i, NULL, i FROM generate_series(1, 2) i UNION ALL "
        "SELECT 'boost', i * 100, NULL, 2 FROM generate_series(1, 5) i UNION ALL "
        "SELECT 'cap', NULL, 'category ' || i, 2 FROM generate_series(1, 3) i"
    )


class Bench:
    """pgbench on one database."""

    def __init__(self, program: str, url: str, folder: Path) -> None:
        self._program, self._url, self._folder = program, url, folder

    def rate(self, script: str, seconds: int) -> float:
        """Transactions per second at full speed."""
        return float(re.findall(r"tps = ([0-9.]+)", self._run(script, seconds))[0])

    def p99(self, script: str, seconds: int, rate: float) -> float:
        """The 99th percentile of the latency, in ms, at a fixed rate."""
        for log in self._folder.glob("log.*"):
            log.unlink()
        self._run(script, seconds, "-l", "--log-prefix", str(self._folder / "log"), "-R", f"{rate:.0f}")
        logged = [np.loadtxt(path, usecols=2) for path in self._folder.glob("log.*")]
        return float(np.percentile(np.concatenate(logged), 99)) / 1000

    def _run(self, script: str, seconds: int, *more: str) -> str:
        file = self._folder / "script.sql"
        file.write_text(script, encoding="utf-8")
        command = [self._program, "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), *more]
        done = subprocess.run(
            [*command, "-f", str(file), self._url], capture_output=True, text=True, check=False, cwd=self._folder
        )
        failed = re.findall(r"number of failed transactions: ([0-9]+)", done.stdout)
        if done.returncode or (failed and failed[0] != "0"):
            raise UserError(f"pgbench failed: {done.stderr.strip()}", "Look at the script in benchmarks/lookup.py.")
        return done.stdout


def latencies(bench: Bench, url: str, rate: float, options: argparse.Namespace) -> tuple[float, float]:
    """Medians of the p99 at rest and while another connection publishes one day after the other."""
    script, stop, lull = SCRIPTS["lookup: rank, item, score"], threading.Event(), threading.Event()
    frames = [recommendations(CUSTOMERS, turn) for turn in (0, 5)]
    published: list[int] = []

    def publish_forever() -> None:
        with ServingConnection.open(url, Schemas()) as connection:
            while not stop.is_set():
                lull.wait()
                day = FIRST_DAY + timedelta(days=1 + len(published))
                release = publish(
                    connection,
                    "recommendations",
                    frames[len(published) % 2],
                    day=day,
                    model_version="m",
                    run_id=None,
                    k=20,
                )
                published.append(release.release_id)

    thread = threading.Thread(target=publish_forever)
    thread.start()
    rest, busy = [], []
    try:
        for _ in range(options.rounds):
            lull.clear()
            rest.append(bench.p99(script, options.seconds, rate))
            lull.set()
            busy.append(bench.p99(script, options.seconds, rate))
    finally:
        stop.set()
        lull.set()
        thread.join()
    print(f"  {len(published)} releases were published meanwhile, at {rate:,.0f} lookups per second")
    return median(rest), median(busy)
