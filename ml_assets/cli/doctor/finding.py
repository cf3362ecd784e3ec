"""What a check found, and running checks so that none stops the others."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ml_assets.errors import JointError, UserError

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
    """What a check finds; errors that stop it are findings too, each for itself."""
    try:
        yield from check()
    except UserError as error:
        for each in error.errors if isinstance(error, JointError) else [error]:
            yield Finding(about, "error", each.problem, each.next_step)
