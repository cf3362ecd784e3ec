"""`python -m ml_assets_tests.torture [NAME...]`: break everything that can break, and see what is left.

Prints one table; exit code 1 where anything but the tries is not zero. TRIES is the number of kills of a publisher;
the other faults are tried in proportion. Names are parts of those of the trials.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial

from ml_assets_tests.torture import damage, disks, fortnight, publishing, runs, together
from ml_assets_tests.torture.outcome import Outcome, show
from ml_assets_tests.torture.shop import Shop, computed_shop

TRIES = int(os.environ.get("TRIES", "40"))
# Trial -> its share of the tries.
WITHOUT_SHOP: dict[Callable[[int], Outcome], float] = {
    publishing.publisher_killed: 1,
    publishing.micro_batch_killed: 1,
    publishing.connection_cut: 0.5,
    publishing.backend_killed: 0.5,
    publishing.postmaster_killed: 0.3,
    fortnight.with_cron: 0,
    fortnight.clock_ahead: 0,
    fortnight.with_daemon: 0,
}
ON_A_SHOP: dict[Callable[[Shop, int], Outcome], float] = {
    runs.run_killed: 0.35,
    runs.server_killed: 0.35,
    runs.run_interrupted: 0.35,
    together.two_at_once: 0.3,
    together.two_starts: 0.1,
    damage.files_damaged: 0.35,
    disks.lake_full: 0.1,
    disks.lake_read_only: 0.05,
    disks.lake_lost: 0.05,
    disks.database_full: 0.05,
}


def main() -> int:
    """Run the trials that are named, or all."""
    names = sys.argv[1:]
    outcomes: list[Outcome] = []
    for trial, share in WITHOUT_SHOP.items():
        if _is_wanted(trial.__name__, names):
            outcomes.append(_timed(trial.__name__, partial(trial, _tries(share))))
    wanted = {trial: share for trial, share in ON_A_SHOP.items() if _is_wanted(trial.__name__, names)}
    if wanted:
        with computed_shop() as shop:
            for on_shop, share in wanted.items():
                outcomes.append(_timed(on_shop.__name__, partial(on_shop, shop, _tries(share))))
    show(outcomes)
    return 0 if outcomes and all(outcome.is_well for outcome in outcomes) else 1


def _is_wanted(name: str, names: list[str]) -> bool:
    return not names or any(each in name for each in names)


def _tries(share: float) -> int:
    return max(1, round(TRIES * share))


def _timed(name: str, trial: Callable[[], Outcome]) -> Outcome:
    began = time.monotonic()
    outcome = trial()
    words = "well" if outcome.is_well else "NOT WELL"
    print(f"{name}: {outcome.tries} tries, {words}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
