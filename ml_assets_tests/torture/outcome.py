"""What became of a fault that was tried again and again, and the table that is printed in the end."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass
class Outcome:
    """One fault. All is well when everything but `tries` is zero."""

    fault: str
    tries: int = 0
    kills: int = 0
    """Processes among the tries that were killed with SIGKILL."""
    answers: int = 0
    """Reads that were judged all the while."""
    reader_errors: int = 0
    hands: int = 0
    """Tries after which neither the same command again, nor what its message says to do, brought the day live."""
    leftovers: int = 0
    """Files, partitions and runs that belong to nothing any more once the day is live again."""
    notes: list[str] = field(default_factory=list)
    """What was wrong, in words."""

    @property
    def is_well(self) -> bool:
        """Whether nothing went wrong, and it was tried at all."""
        return self.tries > 0 and not (self.reader_errors or self.hands or self.leftovers)

    def wrong(self, kind: str, note: object, count: int = 1) -> None:
        """Count `reader_errors`, `hands` or `leftovers`, and keep what was seen."""
        setattr(self, kind, getattr(self, kind) + count)
        self.notes.append(f"{kind}: {note}")

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """One try; what nobody foresaw needs a hand."""
        self.tries += 1
        wrong = len(self.notes)
        try:
            yield
        except Exception as error:  # noqa: BLE001 whatever it is, it belongs into the table
            self.wrong("hands", f"{type(error).__name__}: {error}")
        for note in self.notes[wrong:]:
            print(f"{self.fault}, try {self.tries}: {note[:300]}", file=sys.stderr, flush=True)


def show(outcomes: Sequence[Outcome]) -> None:
    """Print the table, and below it what was not zero."""
    console = Console(width=118, highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("fault")
    columns = ("tries", "kills", "reads", "reader errors", "hands needed", "leftovers")
    for column in columns:
        table.add_column(column, justify="right")
    numbers = [(o.tries, o.kills, o.answers, o.reader_errors, o.hands, o.leftovers) for o in outcomes]
    for outcome, row in zip(outcomes, numbers, strict=True):
        table.add_row(outcome.fault, *(f"{number:,}" for number in row))
    table.add_row("all", *(f"{sum(column):,}" for column in zip(*numbers, strict=True)), style="bold")
    console.print(table)
    for outcome in outcomes:
        for note in outcome.notes:
            console.print(f"\n[red]{outcome.fault}[/red]: ", end="")
            console.print(note, markup=False)
