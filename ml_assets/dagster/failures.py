"""Steps that fail: what is never tried again, and in whose words a failure is told.

What a person must mend (`UserError`) does not mend itself while a step waits for its next attempt: the step fails at
once, so that the alert comes at once. Faults that may pass (`PassingError`) and errors nobody foresaw are left to the
retry policy of the job. Which is which is decided where the error is raised, not here.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, cast

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from ml_assets.errors import Code, PassingError, UserError
from ml_assets.lake import lake_damage
from ml_assets.whole_files import refused_by_the_system

OUR_WORDS = (UserError.__name__, PassingError.__name__, dg.Failure.__name__)
# A blocking check that does not pass fails its step as well, with an error of this class.
CHECK_FAILED = "DagsterAssetCheckFailedError"
# Of the metadata of a failure.
PROBLEM, NEXT_STEP, CODE = "problem", "next_step", "code"
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


@dataclass(frozen=True)
class Problem:
    """What went wrong in a job that was done to its end, or in one that others need not wait for."""

    words: str
    check: str | None = None
    """The check that did not pass; None where a step failed."""

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True)
class Crash:
    """An error that failed a step, or a run outside its steps."""

    step: str | None
    words: str
    """Of the first error of its chain that was written for people, else of the one at its root."""
    error_class: str

    @classmethod
    def of(cls, step: str | None, error: SerializableErrorInfo | None) -> "Crash":
        """The crash that Dagster recorded as `error`."""
        while error is not None and error.cls_name not in OUR_WORDS and error.cause is not None:
            error = error.cause
        if error is None:
            return cls(step, "no error was recorded", "")
        # Dagster puts the class before the message.
        words = error.message.split(":", 1)[-1].strip()
        return cls(step, words or "no words", error.cls_name or "")

    @property
    def is_for_people(self) -> bool:
        """Whether the words were written for the one who reads them."""
        return self.error_class in OUR_WORDS

    @property
    def first_line(self) -> str:
        """What happened; the rest is SQL and hints for developers, kept in the log."""
        return self.words.splitlines()[0]

    @property
    def place(self) -> str:
        """Where it happened, at the beginning of a sentence."""
        return f"Step {self.step}" if self.step else "The run"


def crashes(failures: Iterable[tuple[str | None, SerializableErrorInfo | None]]) -> list[Crash]:
    """Steps and their errors, without those that failed because a blocking check did not pass."""
    found = (Crash.of(step, error) for step, error in failures)
    return [crash for crash in found if crash.error_class != CHECK_FAILED]


def failure_of(result: dg.ExecuteInProcessResult, title: str, failed_checks: Iterable[Problem]) -> UserError | None:
    """Why a run failed, in the words of the step that did; None where nothing failed but a check.

    `title` says what the run was to do.
    """
    failures = [event for event in result.all_node_events if event.is_step_failure]
    found = crashes((event.step_key, event.step_failure_data.error) for event in failures)
    is_blocked = any(check.blocking and not check.passed for check in result.get_asset_check_evaluations())
    if not found and (result.success or is_blocked):
        return None
    crash = found[0] if found else Crash.of(None, result.get_run_failure_event().job_failure_data.error)
    problem = crash.words if crash.is_for_people else f"{crash.place} failed while {title}: {crash.first_line}"
    checks = [f"Check failed: {check}" for check in failed_checks]
    look = f"`ml-assets ui` shows the log of run {result.run_id}."
    data = next((event.step_failure_data.user_failure_data for event in failures if event.step_key == crash.step), None)
    told = {name: str(value.value) for name, value in data.metadata.items()} if data else {}
    code = cast("Code", told.get(CODE, "run.failed"))
    if NEXT_STEP not in told:
        return UserError(" ".join([problem, *checks]), look, code=code)
    return UserError(" ".join([told[PROBLEM], *checks]), f"{told[NEXT_STEP]} {look}", code=code)


@contextmanager
def _failing_finally() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise _failure(error) from error
    except BaseException as error:
        # First what the file system says: a file that may not be read is not damaged.
        if known := refused_by_the_system(error) or lake_damage(error):
            raise _failure(known) from error
        raise


def _failure(error: UserError) -> dg.Failure:
    metadata = {PROBLEM: error.problem, NEXT_STEP: error.next_step}
    metadata |= {CODE: error.code} if error.code else {}
    return dg.Failure(str(error), metadata=metadata, allow_retries=isinstance(error, PassingError))
