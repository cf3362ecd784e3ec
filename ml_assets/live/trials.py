"""Trials of challengers, day by day: begun where there are customers for them, ended by what the customers did.

When one ends is decided in `experiments/trials.py`; what is fitted for it in `models/selection/trials.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

from ml_assets.books.models import list_models
from ml_assets.books.trials import KIND, Trial, dropped_methods, end_trial, on_trial
from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.experiments.design import Experiment
from ml_assets.experiments.entrants import require_customers
from ml_assets.experiments.register import REFUSED, running, start, started_trials, stop
from ml_assets.experiments.report import Report, report
from ml_assets.experiments.trials import CHALLENGER, CHAMPION, Ending, ending
from ml_assets.models.selection.trials import KnownTrials
from ml_assets.settings.experiments import ExperimentSettings
from ml_assets.settings.made import has_amounts
from ml_assets.settings.shop import Settings


@dataclass
class TrialNews:
    """What became of trials: sentences by placement."""

    begun: dict[str, str] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    """Those for which there is no experiment yet, with the reason."""


def known_trials(connection: ServingConnection, settings: Settings, week: date) -> KnownTrials | None:
    """What the training of a week (its Monday) must know of trials; None where the backtest alone promotes."""
    selection = settings.recommender.selection
    if selection.promotion != "live":
        return None
    dropped = dropped_methods(connection, selection.trial.again_after_days)
    return KnownTrials(
        {trial.placement: trial.method for trial in on_trial(connection)},
        {(each.placement, each.method): each.again_from for each in dropped},
        all(model.trained_through < week for model in list_models(connection, KIND)),
    )


def tend_trials(connection: ServingConnection, settings: Settings, reports: Sequence[Report] = ()) -> TrialNews:
    """End the trials that are decided, and begin those that have no experiment; `reports` are those known already."""
    news, found = TrialNews(), {each.experiment: each for each in reports}
    trials, experiments = on_trial(connection), started_trials(connection)
    for trial in trials:
        name = f"{trial.placement}, {trial.method}"
        own = next((each for each in reversed(experiments) if is_of(each, trial)), None)
        if end := _ending(connection, settings, trial, own, found):
            _end(connection, trial, own, end)
            news.ended[name] = end.reason
        elif own is None:
            try:
                begun = _begin(connection, settings, trial, experiments)
            except UserError as error:
                if error.code != REFUSED:
                    raise
                news.waiting[name] = f"it waits for customers. {error.problem}"
            else:
                news.begun[name] = begun.name
    for each in running(connection):
        # Somebody promoted the challenger by force meanwhile.
        if each in experiments and not any(is_of(each, trial) for trial in trials):
            stop(connection, each.name, "Its challenger is not on trial any more.")
    return news


def is_of(experiment: Experiment, trial: Trial) -> bool:
    """Whether an experiment is that of a trial, and not of one of the same method before."""
    lists = {arm.list for arm in experiment.arms}
    is_alike = experiment.placement == trial.placement and f"{CHALLENGER}:{trial.method}" in lists
    return is_alike and experiment.started_at >= trial.begun_at


def _ending(
    connection: ServingConnection,
    settings: Settings,
    trial: Trial,
    own: Experiment | None,
    reports: Mapping[str, Report],
) -> Ending | None:
    if settings.recommender.selection.promotion != "live":
        return Ending(is_won=False, reason="Dropped, as recommender.selection.promotion is not live any more.")
    if trial.placement not in settings.recommender.enabled_placements:
        return Ending(is_won=False, reason=f"Dropped, as the list {trial.placement} is not made any more.")
    if own is None:
        return None
    known = reports.get(own.name) or report(connection, own, amounts=has_amounts(settings))
    return ending(own, known, one(connection, "SELECT now()"))


def _end(connection: ServingConnection, trial: Trial, own: Experiment | None, end: Ending) -> None:
    # In one: a trial whose experiment was stopped counts as lost.
    with connection.transaction():
        end_trial(connection, trial.placement, trial.method, is_won=end.is_won, reason=end.reason)
        if own is not None and own.stopped_at is None:
            stop(connection, own.name, f"By itself. {end.reason}")


def _begin(
    connection: ServingConnection, settings: Settings, trial: Trial, experiments: Sequence[Experiment]
) -> Experiment:
    """Start the experiment of a trial; raises `UserError` where there are no customers for it."""
    options = settings.recommender.selection.trial
    number = 1 + sum(each.placement == trial.placement for each in experiments)
    layers = [each.layer for each in running(connection) if each.placement == trial.placement]
    arms = {CHAMPION: {"share": 0.5}, CHALLENGER: {"share": 0.5, "list": f"{CHALLENGER}:{trial.method}"}}
    today: date = one(connection, "SELECT (now() AT TIME ZONE timezone)::date FROM {meta}.shop")
    wanted = ExperimentSettings.model_validate(
        {
            "placement": trial.placement,
            "arms": arms,
            "layer": next(iter(layers), None),
            "traffic": options.traffic,
            "until": today + timedelta(days=options.days),
            "note": f"Whether {trial.method} sells more than the method that scores.",
        }
    )
    name = f"{CHALLENGER}_{trial.placement}_{number}"
    judge = partial(require_customers, connection, orders=None)
    return start(connection, name, wanted, settings.tz, judge=judge)
