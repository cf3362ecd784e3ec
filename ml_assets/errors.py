"""The exceptions that people are meant to read.

Anything a user can cause or mend is raised as `UserError`: what happened, where, and the next step. The command
line prints it as one message and exits with 1; Dagster shows it as the failure of the step. Programming errors
stay ordinary exceptions. Nothing else belongs here.
"""


class UserError(Exception):
    """A mistake or fault that the reader can mend.

    `problem` is one full sentence that names the file, row, column, setting or command; `next_step` is what to
    do about it.
    """

    def __init__(self, problem: str, next_step: str) -> None:
        super().__init__(f"{problem} {next_step}")
        self.problem = problem
        self.next_step = next_step


class PassingError(UserError):
    """A fault that may pass by itself, such as a server that restarts: the same step may succeed a minute later."""
