"""The exceptions that people are meant to read.

Anything a user can cause or mend is raised as `UserError`: what happened, where, and the next step. The command
line prints it as one message and exits with 1; Dagster shows it as the failure of the step. Programming errors
stay ordinary exceptions. Nothing else belongs here.
"""

from collections.abc import Sequence
from typing import Literal

# What scripts and tests may hold on to, where they would act differently; docs/errors.md says what each means.
Code = Literal[
    "usage.wrong",
    "settings.wrong",
    "shop.other",
    "source.missing_day",
    "source.unreadable",
    "day.out_of_range",
    "database.unreachable",
    "database.busy",
    "database.rights",
    "database.not_set_up",
    "database.newer",
    "database.older",
    "database.full",
    "database.damaged",
    "contract.wrong",
    "lake.damaged",
    "lake.missing",
    "model.missing",
    "compute.unreachable",
    "run.failed",
    "release.unknown",
    "release.refused",
    "experiment.unknown",
    "experiment.refused",
    "file.refused",
    "file.not_written",
    "clock.wrong",
    "error.unforeseen",
]


class UserError(Exception):
    """A mistake or fault that the reader can mend.

    `problem` is one full sentence that names the file, row, column, setting or command; `next_step` is what to
    do about it. The words may change; `code` does not.
    """

    def __init__(self, problem: str, next_step: str, *, code: Code | None = None) -> None:
        super().__init__(f"{problem} {next_step}")
        self.problem = problem
        self.next_step = next_step
        self.code = code


class JointError(UserError):
    """Mistakes that were found in one go, so that they can be mended in one go."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        """Take more than one of them; the code is that of the first."""
        problems = "\n".join(each.problem for each in errors)
        super().__init__(problems, "\n".join(dict.fromkeys(each.next_step for each in errors)), code=errors[0].code)
        self.errors = list(errors)


def raise_all(errors: Sequence[UserError]) -> None:
    """Raise what was found wrong, one as itself; nothing where nothing was."""
    if errors:
        raise errors[0] if len(errors) == 1 else JointError(errors)


class PassingError(UserError):
    """A fault that may pass by itself, such as a server that restarts: the same step may succeed a minute later."""


def require_reason(reason: str, what: str) -> None:
    """Raise `UserError` where something that is kept for those who come after was done without a word why."""
    if not reason.strip():
        raise UserError(f"{what} needs a reason.", "Say why, for those who come after you.")
