"""What a command is doing right now: a bar on terminals, otherwise lines, on standard error.

Results, tables and errors are in `console.py`; how far work is, is told by those who do it (`ml_assets/progress.py`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from ml_assets.cli.console import ERR
from ml_assets.progress import EVERY_SECONDS, Estimate, Stage, line
from ml_assets.waiting import listening


class Progress:
    """The steps of a command with the seconds since its start; of long ones, how far they are and how long still.

    Without a terminal every step is a line, and a step that takes long one more in `every` seconds.
    """

    def __init__(
        self, screen: Console = ERR, every: float = EVERY_SECONDS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._screen, self._every, self._clock = screen, every, clock
        self._start = self._told = clock()
        self._doing, self._waits_for = "starting", ""
        self._stage: Stage | None = None
        self._estimate = Estimate(clock)
        self._bar: Bar | None = None
        if screen.is_terminal:
            words = TextColumn("{task.description}", markup=False)
            columns = (SpinnerColumn(), words, BarColumn(bar_width=24), _Left(lambda: self._estimate.left))
            self._bar = Bar(*columns, console=screen, transient=True)
            self._task = self._bar.add_task(self._doing, total=None)

    def __call__(self, told: str | Stage) -> None:
        """Report a step, or how far one is; indented steps only show on a terminal."""
        if isinstance(told, Stage):
            self._stage = told
            self._estimate.note(told.share)
            self._draw(told.text, told.share)
            return
        self._doing, self._stage, self._estimate = told.strip(), None, Estimate(self._clock)
        self._draw(self._doing, None)
        if not told.startswith(" "):
            self._print(told)

    def waits(self, what: str) -> None:
        """Say what is waited for, also on terminals where nothing moves meanwhile; nothing: it is over."""
        self._waits_for = what
        if what:
            self._print(f"  waiting for {what}")
        self._draw(f"waiting for {what}" if what else self._doing, None)

    @contextmanager
    def shown(self) -> Iterator["Progress"]:
        """Show it while something runs."""
        with listening(self.waits):
            yield from self._shown()

    def _shown(self) -> Iterator["Progress"]:
        if self._bar is not None:
            with self._bar:
                yield self
            return
        over = Event()
        beat = Thread(target=self._keep_telling, args=(over,), name="progress", daemon=True)
        beat.start()
        try:
            yield self
        finally:
            over.set()
            beat.join()

    def _draw(self, text: str, share: float | None) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=text, total=None if share is None else 1.0, completed=share or 0.0)

    def _keep_telling(self, over: Event) -> None:
        """A line whenever nothing was said for a while."""
        while not over.wait(max(self._told + self._every - self._clock(), 0.01)):
            if self._clock() >= self._told + self._every:
                self._print(f"  {self._still()}")

    def _still(self) -> str:
        if self._waits_for:
            return f"still waiting for {self._waits_for}"
        return line(self._stage, self._estimate) if self._stage else f"still {self._doing}"

    def _print(self, text: str) -> None:
        self._told = self._clock()
        self._screen.print(f"[dim]{self._told - self._start:5.1f} s[/dim]  {escape(text)}", soft_wrap=True)


class _Left(ProgressColumn):
    """The time left, as it is estimated at the moment of drawing."""

    def __init__(self, left: Callable[[], str]) -> None:
        super().__init__()
        self._words = left

    def render(self, task: Task) -> Text:
        share = "" if task.total is None else f"{task.percentage:.0f} %"
        return Text("  ".join(part for part in (share, self._words()) if part), style="dim")
