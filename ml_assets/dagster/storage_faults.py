"""Faults of Dagster's own storage while this process runs steps: told as ours are, in one message.

What a step met is told in `failures.py`. Here is what Dagster meets when it writes its log of runs: it prints whole
statements on standard error and raises SQLAlchemy's errors.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

from sqlalchemy.exc import DBAPIError

from ml_assets.database.faults import NO_SPACE, lost_connection, no_space

DISK_FULL = "53100"
# What Dagster prints by itself; the same fault is raised, or told of its run, as well.
PRINTED = ("Exception while writing logger call to event log", "Exception while storing event batch", "Falling back to")


@contextmanager
def storage_faults_explained() -> Iterator[None]:
    """Raise `UserError` where Dagster's storage has no space or is gone, and print nothing of it, in a `with` block."""
    screen = sys.stderr
    sys.stderr = cast("TextIO", _WithoutComplaints(screen))
    try:
        yield
    except Exception as error:
        # Where it is opened, Dagster tries some times, and what it raises then says no more than that.
        fault = error if isinstance(error, DBAPIError) else error.__cause__
        if not isinstance(fault, DBAPIError):
            raise
        words, code = str(fault.orig).strip().splitlines()[0], getattr(fault.orig, "pgcode", None)
        if code == DISK_FULL or NO_SPACE in words:
            raise no_space(words) from error
        if fault.connection_invalidated or code is None:
            raise lost_connection(words) from error
        raise
    finally:
        sys.stderr = screen


class _WithoutComplaints:
    """Standard error, without what Dagster prints of its storage."""

    def __init__(self, screen: TextIO) -> None:
        self._screen = screen

    def write(self, text: str) -> int:
        return len(text) if text.startswith(PRINTED) else self._screen.write(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._screen, name)
