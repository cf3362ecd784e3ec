"""Steps that fail: which are tried again, and in whose words a failure is told.

What a person must mend (`UserError`) does not mend itself while a step waits for its next attempt: the step fails at
once, so that the alert comes at once. Faults that may pass (`PassingError`) and errors nobody foresaw are left to the
retry policy. Which is which is decided where the error is raised, not here.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, cast

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from ml_assets.errors import PassingError, UserError

OUR_WORDS = (UserError.__name__, PassingError.__name__, dg.Failure.__name__)
P = ParamSpec("P")
R = TypeVar("R")


def final_failures(compute: Callable[P, R]) -> Callable[P, R]:
    """The code of a step, whose mistakes become failures that are not tried again, in the same words.

    Stands under `@dg.asset`, `@dg.multi_asset` or a check's decorator, and on what an IO manager does in a step.
    """

    @functools.wraps(compute)
    def guarded(*arguments: P.args, **named: P.kwargs) -> R:
        with _failing_finally():
            return compute(*arguments, **named)

    @functools.wraps(compute)
    def guarded_steps(*arguments: P.args, **named: P.kwargs) -> Iterator[Any]:
        with _failing_finally():
            yield from cast("Iterator[Any]", compute(*arguments, **named))

    # Dagster asks of a function, before it is called, whether it is a generator.
    return cast("Callable[P, R]", guarded_steps) if inspect.isgeneratorfunction(compute) else guarded


def told(error: SerializableErrorInfo | None) -> SerializableErrorInfo | None:
    """Of a chain of errors the first that was written for people, else the one at its root."""
    while error is not None and error.cls_name not in OUR_WORDS and error.cause is not None:
        error = error.cause
    return error


@contextmanager
def _failing_finally() -> Iterator[None]:
    try:
        yield
    except PassingError:
        raise
    except UserError as error:
        metadata = {"problem": error.problem, "next_step": error.next_step}
        raise dg.Failure(str(error), metadata=metadata, allow_retries=False) from error
