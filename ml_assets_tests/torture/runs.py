"""Kills of `ml-assets run` and of the server under it, in every step."""

import os
import random
import signal
import subprocess
import time

from ml_assets.subjects import PUBLISHED, SUBJECTS
from ml_assets_tests.torture.outcome import Outcome
from ml_assets_tests.torture.readers import Watch, watching
from ml_assets_tests.torture.shop import DAY, Shop, until

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Two, and what a busy machine needs for them.
SECONDS_TO_END = 20
STEPS = (
    "starting",
    f"scoring {DAY}",
    "items",
    "raw_events",
    *(name for name, subject in SUBJECTS.items() if subject.kind == "features"),
    # One step makes the segments and who belongs to them.
    *("segmentation" if table.has_segments else name for name, table in PUBLISHED.items()),
    "customer_value",
    *(table.asset for table in PUBLISHED.values()),
)


def run_killed(shop: Shop, tries: int) -> Outcome:
    """SIGKILL for `ml-assets run`, a moment after each of its steps began."""
    outcome = Outcome("`ml-assets run` killed in each step")
    with watching(shop.url, shop.customers, outcome):
        for number in range(tries):
            step = STEPS[number % len(STEPS)]
            with outcome.attempt():
                if _reach(shop, step, lambda process: os.kill(process, signal.SIGKILL), number):
                    outcome.kills += 1
                shop.mend(outcome)
    return outcome


def server_killed(shop: Shop, tries: int) -> Outcome:
    """SIGKILL for the server, a moment after each step of a run began; the run ends with one message."""
    outcome = Outcome("server killed in each step of a run")
    with watching(shop.url, shop.customers, outcome) as watch:
        for number in range(tries):
            step = STEPS[number % len(STEPS)]
            with outcome.attempt():
                if _reach(shop, step, lambda _: _kill_server(shop, watch), number, outcome):
                    outcome.kills += 1
                back(shop, watch)
                shop.mend(outcome)
    return outcome


def run_interrupted(shop: Shop, tries: int) -> Outcome:
    """Ctrl-C, SIGTERM and SIGHUP for a run at any moment: it ends at once, in a sentence."""
    outcome = Outcome("`ml-assets run` interrupted at any moment")
    chance = random.Random(outcome.fault)
    with watching(shop.url, shop.customers, outcome):
        began = time.monotonic()
        shop.mend(outcome)
        usual = time.monotonic() - began
        for number in range(tries):
            with outcome.attempt():
                process = shop.start("run", "--date", DAY)
                time.sleep(chance.uniform(0, usual))
                os.killpg(process.pid, SIGNALS[number % len(SIGNALS)])
                try:
                    out, err = process.communicate(timeout=SECONDS_TO_END)
                except subprocess.TimeoutExpired:
                    process.kill()
                    out, err = process.communicate()
                    outcome.wrong("hands", f"still running after {SECONDS_TO_END} s: {out[-1500:]} {err[-1500:]}")
                if "Traceback (most recent call last)" in out + err:
                    outcome.wrong("hands", f"a traceback: {err[-3000:]}")
                shop.mend(outcome)
    return outcome


def back(shop: Shop, watch: Watch) -> None:
    """Bring the server back, and readers with it."""
    _ = shop.url
    answered = watch.answers
    until(lambda: watch.answers > answered + 20)
    watch.is_down = False


def _kill_server(shop: Shop, watch: Watch) -> None:
    watch.is_down = True
    shop.postmaster.kill()


def _reach(shop: Shop, step: str, strike: object, seed: int, outcome: Outcome | None = None) -> bool:
    """Start a run and strike a moment after it has reported a step; whether it got there."""
    assert callable(strike)
    process = shop.start("run", "--date", DAY)
    assert process.stdout is not None
    reached = False
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if not reached and line.strip().split(" / ")[-1] == step:
            reached = True
            time.sleep(random.Random(seed).uniform(0, 0.5))
            if process.poll() is None:
                strike(process.pid)
    assert process.stderr is not None
    err = process.stderr.read()
    process.wait()
    if not reached:
        raise AssertionError(f"{step} was never reported: {said} {err[-2000:]}")
    if outcome is not None and "Traceback (most recent call last)" in err:
        outcome.wrong("hands", f"{step}: a traceback: {err[-3000:]}")
    return True
