"""Two of everything at once: both end well, one after the other where they must."""

import itertools
import subprocess

from ml_assets_tests.torture.outcome import Outcome
from ml_assets_tests.torture.readers import watching
from ml_assets_tests.torture.shop import DAY, SECONDS, Done, Shop

RUN = ("run", "--date", DAY)
BEFORE = ("run", "--date", "2024-05-30")
EXPORT = ("export", "recommendations")
ROLL_BACK = ("rollback", "recommendations", "--reason", "two at once")
UNPIN = ("unpin", "recommendations")


def two_at_once(shop: Shop, tries: int) -> Outcome:
    """Pairs of commands, started in the same moment."""
    outcome = Outcome("two commands at once")
    with watching(shop.url, shop.customers, outcome) as watch:
        for number, pair in enumerate(itertools.islice(itertools.cycle(_pairs(shop)), tries)):
            with outcome.attempt():
                watch.may_go_back = ROLL_BACK in pair
                for command, done in zip(pair, _both(shop, pair), strict=True):
                    if done.code not in (0, 2) or done.has_traceback:
                        outcome.wrong("hands", f"{number}, {command} beside {pair}: {done.err[-2000:]}")
                if ROLL_BACK in pair:
                    shop.call(*UNPIN)
                shop.mend(outcome)
    return outcome


def _pairs(shop: Shop) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    first, second, *_ = shop.spare
    erase, another = ("erase", "--customer", first), ("erase", "--customer", second, "--verify")
    return [
        (RUN, RUN),
        (RUN, BEFORE),
        (RUN, another),
        (erase, another),
        (another, another),
        (RUN, EXPORT),
        (EXPORT, EXPORT),
        (RUN, ROLL_BACK),
        (RUN, ("prune",)),
        (("prune",), ("prune",)),
        (("status",), ("status",)),
    ]


def _both(shop: Shop, pair: tuple[tuple[str, ...], ...]) -> list[Done]:
    processes = [shop.start(*command) for command in pair]
    done = []
    for process in processes:
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += f"\nstill running after {SECONDS} s"
        done.append(Done(process.returncode, out, err))
    return done


def two_starts(shop: Shop, tries: int) -> Outcome:
    """Two commands that both find the server stopped."""
    outcome = Outcome("two commands start the server at once")
    with watching(shop.url, shop.customers, outcome) as watch:
        for _ in range(tries):
            with outcome.attempt():
                watch.is_down = True
                shop.call("stop")
                for done in _both(shop, (("status",), ("status",))):
                    if done.code not in (0, 2) or done.has_traceback:
                        outcome.wrong("hands", done.err[-2000:])
                _ = shop.url
                watch.is_down = False
                shop.count_leftovers(outcome)
    return outcome
