"""When the trial of a challenger ends, by what its experiment shows, and how.

The rule belongs here: it sees an experiment and its report. What an end changes is done in `live/trials.py`.
"""

from dataclasses import dataclass
from datetime import datetime

from ml_assets.experiments.design import Experiment
from ml_assets.experiments.report import PRIMARY, Report

CHAMPION, CHALLENGER = "champion", "challenger"
"""The arms of a trial, half of its customers each."""
LEAST_DAYS = 7
"""With outcomes, before a challenger wins: every day of a week is another."""


@dataclass(frozen=True)
class Ending:
    """How a trial ends."""

    is_won: bool
    reason: str
    """Plain sentences."""


def ending(experiment: Experiment, report: Report, now: datetime) -> Ending | None:
    """How the trial of an experiment ends now; None while it goes on.

    It is won where its customers bring more revenue for sure, by the interval that may be looked at every day, and lost
    where they bring less, where a guardrail is breached, where it was stopped, or at its end.
    """
    state = experiment.state(now)
    if state == "stopped":
        return Ending(is_won=False, reason=f"Dropped, as its experiment was stopped: {experiment.stopped_reason}")
    revenue = [row.found.always for row in report.rows if row.metric == PRIMARY]
    if report.is_trusted and (report.is_breached or any(one.high < 0 for one in revenue)):
        return Ending(is_won=False, reason=f"Dropped: {report.verdict}")
    if report.is_trusted and report.days >= LEAST_DAYS and any(one.low > 0 for one in revenue):
        return Ending(is_won=True, reason=f"Promoted by customers: {report.verdict}")
    if state == "ended":
        return Ending(is_won=False, reason=f"Dropped, as it had not won by its end. {report.verdict}")
    return None
