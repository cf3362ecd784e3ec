"""Progress of a run: its steps for whoever waits at the screen, and long work inside a step for its log as well.

A Dagster logger is the only supported way to hear a run's events while it executes in this process.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import dagster as dg

from ml_assets.progress import Lines, Report, Stage

PROGRESS_LOGGER = "progress"
Show = Callable[[str | Stage], None]
_show: ContextVar[Show | None] = ContextVar("_show", default=None)


class _ProgressHandler(logging.Handler):
    """Turns starting steps into lines."""

    def emit(self, record: logging.LogRecord) -> None:
        show = _show.get()
        event: dg.DagsterEvent | None = getattr(record, "dagster_meta", {}).get("dagster_event")
        if show is not None and event is not None and event.is_step_start and event.step_key:
            show(f"  {event.step_key.replace('__', ' / ')}")


@dg.logger({}, description="Reports steps to the command line.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """A logger that only feeds the progress display."""
    logger = logging.Logger("ml_assets.progress", level=logging.DEBUG)  # noqa: LOG001 one per run, not global
    logger.addHandler(_ProgressHandler())
    return logger


@contextmanager
def reporting_to(show: Show) -> Iterator[None]:
    """Send the steps of runs executed inside to `show`, and the stages of their long work."""
    token = _show.set(show)
    try:
        yield
    finally:
        _show.reset(token)


def told(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> Report:
    """Tell of long work of a step: in the run's log now and then, and at once to whoever waits at the screen."""
    lines, show = Lines(context.log.info), _show.get()

    def report(stage: Stage) -> None:
        lines(stage)
        if show is not None:
            show(stage)

    return report
