"""How far long work is, told by those who do it: what they do now, and which share of it is done.

Who shows it is not known here: screens are in `cli/console.py`, Dagster's log in `dagster/progress.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from time import monotonic

EVERY_SECONDS = 30.0
"""A log gets at most one line in so many seconds."""


@dataclass(frozen=True)
class Stage:
    """A step of long work that begins, or a part of one that is done."""

    text: str
    share: float
    """Of the whole work that is done by now, 0 to 1, by what its steps usually take."""


Report = Callable[[Stage], None]


def silent(stage: Stage) -> None:
    """Tell nobody."""


def part_of(report: Report, first: float, last: float) -> Report:
    """Tell of work that is a part of other work, from the share `first` of that to the share `last`."""
    return lambda stage: report(Stage(stage.text, first + (last - first) * stage.share))


class Course:
    """Work in steps, with the time that each usually takes beside the others."""

    def __init__(self, report: Report, weights: Mapping[str, float]) -> None:
        self._report = report
        self._whole = sum(weights.values()) or 1.0
        self._weights = weights
        self._done = 0.0
        self._step, self._text = "", ""

    def begin(self, step: str, text: str) -> None:
        """Another step begins; the one before is done."""
        self._done += self._weights.get(self._step, 0.0)
        self._step, self._text = step, text
        self.inside(0.0)

    def inside(self, part: float, more: str = "") -> None:
        """So much of the step is done, 0 to 1."""
        share = (self._done + part * self._weights.get(self._step, 0.0)) / self._whole
        self._report(Stage(f"{self._text}{more}", min(share, 1.0)))


class Estimate:
    """The time that work still takes, from the time it has taken for the share that is done."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._end: float | None = None

    def note(self, share: float) -> None:
        """So much is done by now."""
        taken = self._clock() - self._began
        # From next to nothing nothing can be foretold.
        self._end = self._began + taken / share if share > 0.02 and taken > 2 else None

    @property
    def left(self) -> str:
        """In words, such as `about 3 min left`; empty where it cannot be told."""
        if self._end is None:
            return ""
        seconds = self._end - self._clock()
        if seconds < -0.1 * (self._end - self._began):
            return "longer than usual"
        if seconds < 10:
            return "some seconds left"
        return f"about {round(seconds / 60)} min left" if seconds >= 90 else f"about {round(seconds / 10) * 10} s left"


class Lines:
    """A log of long work: at most one line in `every` seconds, with the share done and the time left."""

    def __init__(
        self, write: Callable[[str], None], every: float = EVERY_SECONDS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._write, self._every, self._clock = write, every, clock
        self._estimate = Estimate(clock)
        self._next = clock()
        self._lock = Lock()

    def __call__(self, stage: Stage) -> None:
        """Write a line, if it is time for one."""
        with self._lock:
            self._estimate.note(stage.share)
            if self._clock() >= self._next:
                self._next = self._clock() + self._every
                self._write(line(stage, self._estimate))


def line(stage: Stage, estimate: Estimate) -> str:
    """`what is done, 40 %, about 2 min left`."""
    return ", ".join(part for part in (stage.text, f"{stage.share:.0%}", estimate.left) if part)
