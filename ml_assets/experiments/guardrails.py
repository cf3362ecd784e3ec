"""What happens where an arm does harm for sure: the experiment ends, and everybody sees the live list again.

What a guardrail is and when it is breached is said in `report.py`.
"""

from collections.abc import Sequence

from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.design import Experiment
from ml_assets.experiments.register import running, stop
from ml_assets.experiments.report import Report
from ml_assets.settings.experiments import HOLD_OUT


def breached(reports: Sequence[Report]) -> list[Report]:
    """Those in which an arm is worse than the control for sure; who is held out for good is expected to buy less."""
    return [one for one in reports if one.is_trusted and one.is_breached and one.experiment != HOLD_OUT]


def stop_breached(connection: ServingConnection, reports: Sequence[Report]) -> list[str]:
    """Stop the experiments with an arm that does harm; their names.

    Not one whose harmful arm is the live list itself: everybody would see it then.
    """
    known = {one.name: one for one in running(connection)}
    harmful = [
        one for one in breached(reports) if one.experiment in known and _is_stopped_for(known[one.experiment], one)
    ]
    for one in harmful:
        stop(connection, one.experiment, f"By itself, because of a guardrail. {one.verdict}")
    return [one.experiment for one in harmful]


def _is_stopped_for(experiment: Experiment, report: Report) -> bool:
    lists = {arm.name: arm.list for arm in experiment.arms}
    return any(lists[row.arm] != "live" for row in report.rows if row.is_breached)
