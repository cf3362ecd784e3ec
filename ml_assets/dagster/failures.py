"""Steps that fail: which are tried again, and in whose words a failure is told.

What a person must mend (`UserError`) does not mend itself while a step waits for its next attempt: the step fails at
once, so that the alert comes at once. Faults that may pass (`PassingError`) and errors nobody foresaw are left to the
retry policy. Which is which is decided where the error is raised, not here.
"""

import functools
import inspect
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import dagster as dg
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
from dagster_shared.error import SerializableErrorInfo

from ml_assets.errors import PassingError, UserError

OUR_WORDS = (UserError.__name__, PassingError.__name__, dg.Failure.__name__)
Definition = TypeVar("Definition")


@contextmanager
def final_failures() -> Iterator[None]:
    """Around the code of a step: a mistake becomes a failure that is not tried again, in the same words."""
    try:
        yield
    except PassingError:
        raise
    except UserError as error:
        metadata = {"problem": error.problem, "next_step": error.next_step}
        raise dg.Failure(str(error), metadata=metadata, allow_retries=False) from error


def with_final_failures(definitions: Sequence[Definition]) -> list[Definition]:
    """Assets and checks whose mistakes are not tried again; what is not computed here stays as it is.

    They are changed in place: Dagster has no public way to put something around the code of an asset.
    """
    for definition in definitions:
        if isinstance(definition, dg.AssetsDefinition) and definition.is_executable:
            compute = definition.op.compute_fn
            if not isinstance(compute, DecoratedOpFunction):
                raise TypeError(f"{definition.op.name} is no decorated function, so its failures cannot be told apart.")
            definition.op._compute_fn = DecoratedOpFunction(_guarded(compute.decorated_fn))
    return list(definitions)


def told(error: SerializableErrorInfo | None) -> SerializableErrorInfo | None:
    """Of a chain of errors the first that was written for people, else the one at its root."""
    while error is not None and error.cls_name not in OUR_WORDS and error.cause is not None:
        error = error.cause
    return error


def _guarded(compute: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(compute)
    def guarded(*arguments: Any, **named: Any) -> Any:
        with final_failures():
            made = compute(*arguments, **named)
        return _guarded_steps(made) if inspect.isgenerator(made) else made

    return guarded


def _guarded_steps(made: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    with final_failures():
        return (yield from made)
