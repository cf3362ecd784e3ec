"""Running days from the command line: the same jobs as the schedules, in this process, on the same instance.

What must run before a day can be scored (missing history, the models of its week) is decided here; which days can be
run, in `days.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import dagster as dg

from ml_assets.books.freshness import read_freshness
from ml_assets.books.source_days import refuse_lost_lake
from ml_assets.dagster.assets.raw import REBUILD_LAKE_TAG
from ml_assets.dagster.assets.releases import OVERRIDE_TAG
from ml_assets.dagster.build import define
from ml_assets.dagster.catch_up import CatchUp, Noticed
from ml_assets.dagster.checks.freshness import record_freshness
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.days import absent_days, newest_day, open_days, ranges_to_load
from ml_assets.dagster.failures import Problem, failure_of
from ml_assets.dagster.instance import open_instance
from ml_assets.dagster.new_reading import NewReading
from ml_assets.dagster.partitions import week_of
from ml_assets.dagster.progress import PROGRESS_LOGGER, reporting_to
from ml_assets.dagster.runs import close_killed_runs, range_tags
from ml_assets.dagster.shop import Shop
from ml_assets.dagster.since_last import Rescorer, SinceLast
from ml_assets.dagster.source_words import dated_later, guests_among, newly_found, opted_out
from ml_assets.dagster.storage_faults import storage_faults_explained
from ml_assets.dagster.week_models import WeekModels
from ml_assets.database.locks import one_at_a_time
from ml_assets.erasure.unfinished import remove_unfinished
from ml_assets.errors import UserError
from ml_assets.events.arrivals import ranges_of
from ml_assets.lake import Lake
from ml_assets.progress import Stage
from ml_assets.releases.catalog import Shown, live_days, shown_beside
from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source
from ml_assets.sources.memory import SourceMemory

Report = Callable[[str | Stage], None]


class Runner:
    """Runs the jobs of one shop in this process."""

    def __init__(
        self, settings: Settings, report: Report, *, override: str | None = None, rebuild_lake: bool = False
    ) -> None:
        self._settings = settings
        self._report = report
        memory = SourceMemory(settings)
        if damage := memory.damage():
            report(damage)
        self._source = build_source(settings)
        memory.remember(source=self._source.identity)
        self._shop = Shop.of(settings, self._source)
        self._lake = Lake.of(settings)
        self._serving = ServingDatabase(settings, self._source)
        # Somebody waits at the screen: a fault is told at once.
        self._defs = define(self._shop, self._source, self._lake, self._serving, retry=None)
        self._tags = {"ml_assets/started_by": "command line", "ml_assets/shop": settings.name or "default"}
        # Runs are found again by their tags; the reason to override a gate is none of those they are known by.
        self._more_tags = {
            **({OVERRIDE_TAG: override} if override else {}),
            **({REBUILD_LAKE_TAG: "yes"} if rebuild_lake else {}),
        }
        self._models = WeekModels(settings, self._lake, self._serving, self._execute, report)

    def days_to_run(self, asked: Sequence[date | None]) -> list[date]:
        """The days asked for (None: the newest) that have events; raises `UserError` where one cannot be run."""
        wanted = [day or newest_day(self._shop, self._source) for day in asked]
        found = open_days(self._shop, self._source, wanted)
        for day in wanted:
            if day not in found:
                self._report(f"no events on {day}: taken as closed, not run")
        return found

    def week_to_train(self, day: date | None) -> date:
        """The Monday of a day's week (None: the newest day's); raises `UserError` where it has no events before."""
        week = week_of(day or newest_day(self._shop, self._source))
        first, last = self._shop.calendar.first_week, self._source.days().last
        if not first <= week <= last + timedelta(days=7):
            raise UserError(
                f"The models of week {week} cannot be trained: the data covers {self._source.days().first} to {last}.",
                f"Choose a week from {first} to {week_of(last)}.",
                code="day.out_of_range",
            )
        return week

    def overdue_after(self, newest: date) -> list[date]:
        """The days after the newest one with events that should have come by now; one that still may is reported."""
        absent = absent_days(self._shop, self._source, newest, datetime.now(self._settings.tz))
        for day in absent.awaited:
            self._report(f"{day} has not come yet; it is due by {self._settings.schedules.daily_at}")
        return absent.overdue

    def is_published(self, day: date) -> bool:
        """Whether the predictions of a day are live."""
        with self._serving.connect() as connection:
            live = live_days(connection)
        return all(live.get(subject) == day for subject in self._settings.published)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Work that is no run of Dagster can be done in this block: one command of a shop at a time."""
        with (
            self._serving.connect() as connection,
            one_at_a_time(connection, "run", self._settings.waiting.command),
        ):
            refuse_lost_lake(connection, self._lake)
            yield

    @contextmanager
    def working(self) -> Iterator[None]:
        """Days can be run in this block: one command of a shop at a time, on an open Dagster instance."""
        with (
            self._serving.connect() as connection,
            one_at_a_time(connection, "run", self._settings.waiting.command),
            storage_faults_explained(),
            open_instance(self._settings) as self._instance,
        ):
            if REBUILD_LAKE_TAG not in self._more_tags:
                refuse_lost_lake(connection, self._lake)
            remove_unfinished(self._settings)
            # Under the lock no other command of this shop is alive.
            close_killed_runs(self._instance, self._tags)
            yield
            record_freshness(self._instance, self._shop, read_freshness(connection))

    def since_last(self) -> SinceLast:
        """Make lists anew of those who bought something since the live release. Raises `UserError` where it cannot."""
        if "recommendations" not in self._settings.published:
            raise UserError(
                "This shop makes no lists of customers, so none are made anew inside the day.",
                "Without --since-last a whole day is run.",
                code="release.refused",
            )
        return Rescorer(self._settings, self._source, self._lake, self._serving, self._report).run()

    def close_runs(self) -> None:
        """Fail what is still running, because the command that ran it ends now."""
        close_killed_runs(self._instance, self._tags)

    def run(self, days: Sequence[date]) -> tuple[list[str], list[Noticed]]:
        """Run days, after what came late or was corrected is loaded and before what depends on it is built again.

        Returns what failed, and the days of the source that were not as they were loaded. Raises `UserError` where a
        day cannot be run.
        """
        for found in [*newly_found(self._source, SourceMemory(self._settings)), *self._serving.withdrawn]:
            self._report(found)
        if later := dated_later(self._source):
            self._report(later)
        reading = NewReading(self._shop, self._source, self._lake)
        if words := reading.words():
            self._report(words)
            self._load_in_new_reading(reading)
        catch_up = CatchUp(self._shop, self._source, self._lake, self._serving, self._execute, wanted=days)
        for first, last in ranges_of(catch_up.left_over()):
            changed = f"{first}" if first == last else f"{first} to {last}"
            self._report(f"{changed} changed, and not everything that depends on it was built again; doing that now")
        noticed = catch_up.notice()
        for one in noticed:
            self._report(one.words)
        failed = catch_up.load(noticed)
        for day in days:
            failed += self._run_day(day)
        failed += catch_up.rebuild()
        reading.done()
        return [str(one) for one in failed], noticed

    def shown(self, day: date) -> list[Shown]:
        """What readers see of every subject, and what became of the releases of a day."""
        with self._serving.connect() as connection:
            return shown_beside(connection, day, self._settings.published)

    def _run_day(self, day: date) -> list[Problem]:
        """Load what is missing, train the week's models where there are none, score and publish the day.

        Returns what failed of the day, such as blocked releases. Raises `UserError` where a step failed, or
        where history or training did not pass its checks, because nothing built on it should be published.
        """
        failed: list[Problem] = []
        for first, last in ranges_to_load(self._shop, self._source, self._lake, day):
            failed += self._execute("load_days", f"loading {first} to {last}", tags=range_tags(first, last))
        stopping, besides = ([], []) if failed else self._models.before(day)
        failed += stopping
        if failed:
            raise UserError(
                f"Before scoring {day} a check failed: {' '.join(map(str, failed))}",
                "`ml-assets ui` shows it.",
                code="run.failed",
            )
        return besides + self._execute("daily_scoring", f"scoring {day}", partition_key=day.isoformat())

    def load_again(self, days: Sequence[date]) -> list[str]:
        """Load days that were loaded before, as the source and the settings are now; the failed checks."""
        failed: list[Problem] = []
        for first, last in ranges_of(days):
            failed += self._execute("load_days", f"loading {first} to {last}", tags=range_tags(first, last))
        return [str(one) for one in failed]

    def _load_in_new_reading(self, reading: NewReading) -> None:
        reading.begin()
        if failed := self.load_again(reading.days()):
            raise UserError(
                f"Loading all days again, a check failed: {' '.join(failed)}",
                "`ml-assets ui` shows it; the next run begins again.",
                code="run.failed",
            )
        self._models.anew = True

    def train(self, week: date) -> list[str]:
        """Train the models of a week (its Monday), whether or not there are any; returns the failed checks.

        What is missing of the history before is loaded first.
        """
        failed: list[Problem] = []
        for first, last in ranges_to_load(self._shop, self._source, self._lake, week):
            failed += self._execute("load_days", f"loading {first} to {last}", tags=range_tags(first, last))
        return [str(one) for one in failed or self._models.train(week)]

    def _execute(
        self,
        job: str,
        title: str,
        *,
        partition_key: str | None = None,
        tags: Mapping[str, str] | None = None,
        assets: Sequence[str] | None = None,
    ) -> list[Problem]:
        """Run a job, or some of its assets; returns failed checks, raises `UserError` where a step failed otherwise."""
        self._report(title)
        definition = self._defs.resolve_job_def(self._shop.prefixed(job))
        with reporting_to(self._report):
            result = definition.execute_in_process(
                instance=self._instance,
                partition_key=partition_key,
                tags={**(tags or {}), **self._tags, **self._more_tags},
                asset_selection=[self._shop.key(name) for name in assets] if assets else None,
                run_config={"loggers": {PROGRESS_LOGGER: {}}},
                raise_on_error=False,
            )
        failed = []
        for check in result.get_asset_check_evaluations():
            if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
                asset = check.asset_key.to_user_string()
                failed.append(Problem(f"{asset}: {check.check_name}: {check.description}", check.check_name))
            elif not check.passed:
                self._report(f"warning: {check.asset_key.to_user_string()}: {check.description}")
        if error := failure_of(result, title, failed):
            raise error
        for words in (guests_among(result, self._settings.events.guests), opted_out(result)):
            if words:
                self._report(words)
        return failed
