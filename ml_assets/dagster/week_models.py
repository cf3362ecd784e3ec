"""The models that a day needs before `ml-assets run` scores it: which weeks are trained, and what a failure means.

How a job is run belongs to `runner.py`; which model scores a day is decided by the books.
"""

from collections.abc import Callable
from datetime import date, timedelta

from ml_assets.books.models import champion, trained_on
from ml_assets.dagster.assets.promotions import PROMOTED
from ml_assets.dagster.catch_up import Execute
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.failures import Problem
from ml_assets.dagster.partitions import week_of
from ml_assets.errors import UserError
from ml_assets.lake import Lake
from ml_assets.models.placements import SIMILAR_ITEMS
from ml_assets.models.training import artifact_fault
from ml_assets.settings.shop import Settings
from ml_assets.subjects import kinds_of_models


class WeekModels:
    """The models of one shop, trained in this process."""

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        serving: ServingDatabase,
        execute: Execute,
        report: Callable[[str], None],
    ) -> None:
        self._lake, self._serving = lake, serving
        self._execute, self._report = execute, report
        self._kinds = [
            (kind, name)
            for kind in kinds_of_models(settings.subjects)
            for name in ((*settings.recommender.enabled_placements, SIMILAR_ITEMS) if kind == "recommender" else ("",))
        ]
        self._trained: set[date] = set()
        self.anew = False
        """Whether the models there are were trained on lines that meant something else: each week is trained, once."""

    def before(self, day: date) -> tuple[list[Problem], list[Problem]]:
        """Train what a day needs; returns the failed checks that stop the day, and what failed besides.

        A challenger that is refused, or that could not be trained, stops nothing while a champion can score the day;
        what was not trained is tried again by the next run. Raises `UserError` where none can.
        """
        stopping: list[Problem] = []
        besides: list[Problem] = []
        for week, why in self._to_train(week_of(day)):
            if why:
                self._report(why)
            try:
                checks = self.train(week)
            except UserError as error:
                if why or self.anew or not self._has_champions(week):
                    raise
                words = f"training the models of week {week}: {error.problem} Those before score {day}."
                besides.append(Problem(words))
                continue
            besides += [one for one in checks if one.check == PROMOTED]
            stopping += [one for one in checks if one.check != PROMOTED]
        return stopping, besides

    def train(self, week: date) -> list[Problem]:
        """Train the models of a week (its Monday), whether or not there are any; returns the failed checks."""
        self._trained.add(week)
        title = f"training the models of week {week}"
        return self._execute("weekly_training", title, partition_key=week.isoformat())

    def _to_train(self, week: date) -> list[tuple[date, str]]:
        """The weeks to train before a week's days can be scored, oldest first, with the fault of a model of theirs.

        The week itself, where it has no models, and any of which a model that is needed cannot be used.
        """
        sunday = week - timedelta(days=1)
        weeks: dict[date, str] = {week: ""} if self.anew and week not in self._trained else {}
        with self._serving.connect() as connection:
            for kind, placement in self._kinds:
                own = trained_on(connection, kind, sunday, placement)
                if own is None:
                    weeks.setdefault(week, "")
                for model in (own, champion(connection, kind, week, placement)):
                    if model and (fault := artifact_fault(self._lake, model.artifact, model.checksum)):
                        weeks[model.trained_through + timedelta(days=1)] = fault
        return sorted(weeks.items())

    def _has_champions(self, week: date) -> bool:
        with self._serving.connect() as connection:
            return all(champion(connection, kind, week, placement) for kind, placement in self._kinds)
