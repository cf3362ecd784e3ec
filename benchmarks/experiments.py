"""ml.recommend with experiments beside the same function without any of their code; ml.log_exposure beside an INSERT.

pgbench, 4 prepared clients, the sides interleaved. Each list has 60 candidates of which 20 are shown; half of the
customers are in the control arm and half see what they would see anyway, so that all sides show the same. The bare
INSERT writes the same row into a table of the same columns and key, with its own ON CONFLICT.
"""

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from statistics import median
from zoneinfo import ZoneInfo

from benchmarks.pgbench import Pgbench
from benchmarks.publish import publish_day
from benchmarks.shop import FIRST_DAY, recommendations, shop
from ml_assets.contract.files import fill, read_files
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.experiments.register import start, stop
from ml_assets.settings.experiments import ArmSettings, ExperimentSettings

SAME = ExperimentSettings(placement="for_you", arms={"a": ArmSettings(share=0.5), "b": ArmSettings(share=0.5)})
PLAIN = "without the code of experiments"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks experiments", description=__doc__)
    parser.add_argument("--customers", type=int, default=50_000, help="lists of the shop")
    parser.add_argument("--seconds", type=int, default=2, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=9, help="how often each is repeated")
    options = parser.parse_args()
    try:
        with shop() as (connection, url, _):
            publish_day(connection, recommendations(options.customers), FIRST_DAY)
            connection.execute("VACUUM ANALYZE")
            _without_experiments(connection)
            _reading(Pgbench(url), connection, options)
            _telling(Pgbench(url), connection, options)
    except UserError as error:
        print(f"Error: {error.problem}\nNext:  {error.next_step}", file=sys.stderr)
        return 1
    return 0


def _without_experiments(connection: ServingConnection) -> None:
    """The function as it would be if there were no experiments, under another name."""
    text = read_files("functions")["recommend"]
    # From the question whether one runs to the last of what is shown then.
    asked = r"    -- The hold-out first.*rather the live list than none\.\n    END IF;\n"
    plain = re.sub(asked, "", text, flags=re.DOTALL)
    plain = plain.replace("IF shown IS DISTINCT FROM 'popular' AND ruled_by IS NULL THEN", "IF true THEN")
    plain = plain.replace("shown IS DISTINCT FROM 'popular' AND ", "")
    plain = plain.replace(':"ml".recommend', ':"ml".plain').replace("recommend.", "plain.")
    types = {"customer_id_type": "bigint", "item_id_type": "bigint"}
    connection.execute(fill("recommend", plain, connection.schemas, types).encode())


def _reading(bench: Pgbench, connection: ServingConnection, options: argparse.Namespace) -> None:
    person = f"\\set c random(0, {options.customers - 1})\n"
    scripts = {name: f"{person}SELECT * FROM ml.{name}(:c, 'for_you', 20)\n" for name in ("plain", "recommend")}
    number = iter(range(options.rounds))

    def with_one() -> float:
        name = f"same_{next(number)}"
        start(connection, name, SAME, ZoneInfo("UTC"))
        rate = bench.rate(scripts["recommend"], options.seconds)
        stop(connection, name, "measured")
        return rate

    sides: dict[str, Callable[[], float]] = {
        PLAIN: lambda: bench.rate(scripts["plain"], options.seconds),
        "no experiment runs": lambda: bench.rate(scripts["recommend"], options.seconds),
        "one runs on the list": with_one,
    }
    _compare("ml.recommend", sides, options.rounds)


def _telling(bench: Pgbench, connection: ServingConnection, options: argparse.Namespace) -> None:
    person = f"\\set c random(0, {options.customers - 1})\n"
    connection.execute("CREATE TABLE public.bare (LIKE ml_store.exposures INCLUDING ALL)")
    insert = (
        "INSERT INTO public.bare AS e VALUES (current_date, :c, 'for_you', now(), now(), 1) "
        "ON CONFLICT (shown_on, customer_id, placement) DO UPDATE SET times = e.times + 1, last_at = excluded.last_at\n"
    )
    sides: dict[str, Callable[[], float]] = {
        "INSERT": lambda: bench.rate(f"{person}{insert}", options.seconds),
        "ml.log_exposure": lambda: bench.rate(f"{person}SELECT ml.log_exposure(:c)\n", options.seconds),
    }
    _compare("telling", sides, options.rounds)


def _compare(what: str, sides: Mapping[str, Callable[[], float]], rounds: int) -> None:
    """Transactions per second of each side in turn, and the median of its ratios to the first."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            rates[name].append(side())
    first = next(iter(rates.values()))
    print(f"{what:36} {'per second':>12} {'of first':>10}")
    for name, mine in rates.items():
        share = median(one / other for one, other in zip(mine, first, strict=True))
        print(f"{name:36} {median(mine):12,.0f} {share:10.2f}")


if __name__ == "__main__":
    sys.exit(main())
