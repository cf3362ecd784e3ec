"""What a check found, and running checks so that none stops the others."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ml_assets.errors import UserError

Level = Literal["good", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    about: str
    level: Level
    words: str
    fix: str = ""
    """What to do; empty where all is well."""


def findings(about: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a check finds; an error that stops it is a finding too."""
    try:
        yield from check()
    except UserError as error:
        yield Finding(about, "error", error.problem, error.next_step)
