"""What a command shows while it works: lines in a log, a bar on a terminal."""

import io
from threading import Event

from rich.console import Console

from ml_assets.cli.progress import Progress
from ml_assets.progress import Stage
from ml_assets.waiting import waiting_for
from ml_assets_tests.test_progress import Clock

pause = Event()


def test_a_log_has_a_line_for_every_step_and_none_for_each_stage_of_it() -> None:
    screen = io.StringIO()
    with Progress(Console(file=screen, width=100)).shown() as report:
        report("training the models of week 2024-06-24")
        report("  recommender")
        for share in range(50):
            report(Stage(f"trying methods on window {share}", share / 50))
        report("done")
    assert [line.split("s  ")[1].strip() for line in screen.getvalue().splitlines()] == [
        "training the models of week 2024-06-24",
        "done",
    ]


def test_a_long_step_says_now_and_then_what_it_does_and_how_far_it_is() -> None:
    screen, clock = io.StringIO(), Clock()
    progress = Progress(Console(file=screen, width=100), every=0.05, clock=clock)
    with progress.shown() as report:
        report("training the models of week 2024-06-24")
        clock.now += 60
        report(Stage("trying 15 methods on 6 windows", 0.5))
        wait_for(screen, "trying 15 methods on 6 windows, 50%, about 60 s left")
        report("loading 2024-01-01 to 2024-06-23")
        clock.now += 60
        wait_for(screen, "still loading 2024-01-01 to 2024-06-23")


def test_a_log_says_what_is_waited_for_until_it_is_over() -> None:
    screen, clock = io.StringIO(), Clock()
    progress = Progress(Console(file=screen, width=100), every=0.05, clock=clock)
    with progress.shown() as report:
        report("looking at the source")
        with waiting_for("the shop's database: looking for the first and last day", after=0.01):
            wait_for(screen, "s    waiting for the shop's database: looking for the first and last day")
            clock.now += 60
            wait_for(screen, "still waiting for the shop's database: looking for the first and last day")
        clock.now += 60
        wait_for(screen, "still looking at the source")


def test_a_terminal_gets_a_bar_with_the_share_done_and_the_time_left() -> None:
    screen, clock = io.StringIO(), Clock()
    progress = Progress(Console(file=screen, width=120, force_terminal=True, color_system=None), clock=clock)
    with progress.shown() as report:
        report("training the models of week 2024-06-24")
        clock.now += 60
        report(Stage("trying 15 methods on 6 windows", 0.25))
        wait_for(screen, "trying 15 methods on 6 windows")
        wait_for(screen, "25 %  about 3 min left")
    assert "training the models of week 2024-06-24" in screen.getvalue()


def wait_for(screen: io.StringIO, words: str) -> None:
    """Until the screen shows them; the time allowed is for the slowest machine."""
    for _ in range(1000):
        if words in screen.getvalue():
            return
        pause.wait(0.02)
    raise AssertionError(f"{words!r} is not in {screen.getvalue()!r}")
