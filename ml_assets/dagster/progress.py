"""Step events of a run, handed to whoever shows progress.

A Dagster logger is the only supported way to hear a run's events while it executes in this process.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import dagster as dg
from dagster._core.events import DagsterEvent

PROGRESS_LOGGER = "progress"
Report = Callable[[str], None]
_report: ContextVar[Report | None] = ContextVar("_report", default=None)


class _ProgressHandler(logging.Handler):
    """Turns starting steps into lines."""

    def emit(self, record: logging.LogRecord) -> None:
        report = _report.get()
        event: DagsterEvent | None = getattr(record, "dagster_meta", {}).get("dagster_event")
        if report is not None and event is not None and event.is_step_start and event.step_key:
            report(f"  {event.step_key.replace('__', ' / ')}")


@dg.logger({}, description="Reports steps to the command line.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """A logger that only feeds the progress display."""
    logger = logging.Logger("ml_assets.progress", level=logging.DEBUG)  # noqa: LOG001 one per run, not global
    logger.addHandler(_ProgressHandler())
    return logger


@contextmanager
def reporting_to(report: Report) -> Iterator[None]:
    """Send the steps of runs executed inside to `report`."""
    token = _report.set(report)
    try:
        yield
    finally:
        _report.reset(token)
