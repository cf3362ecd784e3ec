"""ml.recommend with experiments as fractions of the same function without any of their code.

pgbench, 4 prepared clients, the sides interleaved. Each list has 60 candidates of which 20 are shown; half of the
customers are in the control arm and half see what they would see anyway, so that all sides show the same.
"""

import argparse
import re
import sys
from collections.abc import Callable
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
    except UserError as error:
        print(f"Error: {error.problem}\nNext:  {error.next_step}", file=sys.stderr)
        return 1
    return 0


def _without_experiments(connection: ServingConnection) -> None:
    """The function as it would be if there were no experiments, under another name."""
    text = read_files("functions")["recommend"]
    # From the question whether one runs to the last of what is shown then.
    asked = r"    IF EXISTS \(SELECT FROM :\"meta\"\.experiments.*rather the live list than none\.\n    END IF;\n"
    plain = re.sub(asked, "", text, flags=re.DOTALL)
    plain = plain.replace("AND shown <> 'popular'", "").replace("shown <> 'popular' AND ", "")
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
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.rounds):
        for name, side in sides.items():
            rates[name].append(side())
    print(f"{'ml.recommend':36} {'per second':>12} {'of plain':>10}")
    for name, mine in rates.items():
        share = median(one / plain for one, plain in zip(mine, rates[PLAIN], strict=True))
        print(f"{name:36} {median(mine):12,.0f} {share:10.2f}")


if __name__ == "__main__":
    sys.exit(main())
