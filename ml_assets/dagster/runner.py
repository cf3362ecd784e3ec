"""Running days from the command line: the same jobs as the schedules, in this process, on the same instance.

What must run before a day can be scored (missing history, the models of its week) is decided here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from ml_assets.books.freshness import read_freshness
from ml_assets.books.models import trained_on
from ml_assets.dagster.assets.models import PROMOTED
from ml_assets.dagster.assets.releases import OVERRIDE_TAG, publish_pool
from ml_assets.dagster.automation.jobs import job_name
from ml_assets.dagster.build import build_defs
from ml_assets.dagster.checks.freshness import show_freshness
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.failures import OUR_WORDS, told
from ml_assets.dagster.instance import open_instance
from ml_assets.dagster.partitions import build_calendar, week_of
from ml_assets.dagster.progress import PROGRESS_LOGGER, reporting_to
from ml_assets.dagster.shop import Shop
from ml_assets.database.locks import one_at_a_time
from ml_assets.errors import UserError
from ml_assets.events.load import empty_days, missing_ranges
from ml_assets.lake import Lake
from ml_assets.models.selection.decisions import SIMILAR_ITEMS
from ml_assets.models.training import has_artifact
from ml_assets.releases.catalog import live_days
from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source
from ml_assets.sources.memory import SourceMemory
from ml_assets.subjects import PUBLISHED

Report = Callable[[str], None]
LONGEST_CLOSURE = 7  # days
UNFINISHED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
CHECK_FAILED = "DagsterAssetCheckFailedError"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


class Runner:
    """Runs the jobs of one shop in this process."""

    def __init__(self, settings: Settings, report: Report, *, override: str | None = None) -> None:
        self._settings = settings
        self._report = report
        self._source = build_source(settings)
        SourceMemory(settings).remember(source=self._source.identity)
        self._shop = Shop(settings, build_calendar(settings, self._source))
        self._lake = Lake.of(settings)
        self._serving = ServingDatabase(settings, self._source)
        # Somebody waits at the screen: a fault is told at once.
        self._defs = build_defs(settings, source=self._source, retry=None)
        self._tags = {"ml_assets/started_by": "command line", "ml_assets/shop": settings.name or "default"}
        # Runs are found again by their tags; the reason to override a gate is none of those they are known by.
        self._more_tags = {OVERRIDE_TAG: override} if override else {}

    def newest_day(self) -> date:
        """The newest day that is over and has events."""
        last = self._shop.calendar.daily.get_last_partition_key()
        covered = self._source.days().last
        if last is None:
            raise UserError(f"No day is over since {self._shop.calendar.first_day}.", "Wait until tomorrow.")
        newest = min(date.fromisoformat(last), covered)
        # A shop may have been closed on its newest days; further back is the business of `check_day`.
        return max(self.days_with_events(newest - timedelta(days=LONGEST_CLOSURE - 1), newest), default=newest)

    def is_published(self, day: date) -> bool:
        """Whether the predictions of a day are live."""
        with self._serving.connect() as connection:
            live = live_days(connection)
        return live.keys() == PUBLISHED.keys() and set(live.values()) == {day}

    def check_day(self, day: date) -> None:
        """Refuse a day that cannot be run, before anything is changed."""
        calendar = self._shop.calendar
        last = date.fromisoformat(calendar.daily.get_last_partition_key() or calendar.first_day.isoformat())
        if not calendar.first_day <= day <= last:
            raise UserError(
                f"The day {day} is outside the range {calendar.first_day} to {last}.",
                "Choose a day that is over; set start_date to load earlier days.",
            )
        if day < calendar.first_week:
            raise UserError(
                f"The day {day} lies in the first week of data, so no model could be trained before its week.",
                f"Choose {calendar.first_week} or later, or set start_date to an earlier day.",
            )
        covered = self._source.days()
        if not self._settings.events.allow_empty_days and not covered.first <= day <= covered.last:
            raise empty_days(self._source, day, day)

    def days_with_events(self, first: date, last: date) -> set[date]:
        """The days from `first` to `last` for which the source has lines, or need not have any."""
        if self._settings.events.allow_empty_days:
            return {first + timedelta(days=number) for number in range((last - first).days + 1)}
        return set(self._source.read_lines(first, last)["source_day"])

    def empty_days(self, first: date, last: date) -> UserError:
        """The complaint that none of these days has events."""
        return empty_days(self._source, first, last)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Days can be run in this block: one command of a shop at a time, on an open Dagster instance."""
        with self._serving.connect() as connection:
            waiting = "waiting for another `ml-assets run` of this shop"
            with (
                one_at_a_time(connection, "run", lambda: self._report(waiting)),
                open_instance(self._settings) as found,
            ):
                # Dagster itself fails a run when two of them make a pool's limit known at the same moment.
                known = found.event_log_storage.get_concurrency_keys()
                for pool in {publish_pool(subject) for subject in PUBLISHED} - set(known):
                    found.event_log_storage.initialize_concurrency_limit_to_default(pool)
                self._instance = found
                self._close_killed_runs()
                yield
                show_freshness(found, self._shop, read_freshness(connection))

    def _close_killed_runs(self) -> None:
        """Runs of this shop that a killed command left unfinished: under the lock, none of them is alive."""
        unfinished = dg.RunsFilter(statuses=UNFINISHED, tags=self._tags)
        for run in self._instance.get_runs(unfinished):
            self._instance.report_run_failed(run, message="The command that ran it was killed.")

    def run_day(self, day: date) -> list[str]:
        """Load what is missing, train the week's models where there are none, score and publish the day.

        Returns the failed checks of the day, such as blocked releases. Raises `UserError` where a step failed, or
        where history or training did not pass its checks, because nothing built on it should be published.
        """
        failed = self._load_missing(day)
        week = week_of(day)
        refused: list[str] = []
        if not failed and not self._has_models_of(week):
            title = f"training the models of week {week}"
            checks = self._execute("weekly_training", title, partition_key=week.isoformat())
            # A refused challenger is no reason to publish nothing: the champion scores the fresh data.
            refused = [check for check in checks if f": {PROMOTED}: " in check]
            failed = [check for check in checks if check not in refused]
        if failed:
            raise UserError(f"Before scoring {day} a check failed: {' '.join(failed)}", "`ml-assets ui` shows it.")
        return refused + self._execute("daily_scoring", f"scoring {day}", partition_key=day.isoformat())

    def _load_missing(self, day: date) -> list[str]:
        calendar = self._shop.calendar
        first = max(calendar.first_day, day - timedelta(days=self._settings.lookback_days - 1))
        wanted = [first + timedelta(days=number) for number in range((day - first).days)]
        present = {date.fromisoformat(key) for key in self._lake.partitions("transactions")}
        covered = self._source.days()
        wanted = [known for known in wanted if covered.first <= known <= covered.last]
        ranges = missing_ranges(wanted, present)
        if not ranges and not self._lake.exists("items"):
            ranges = [(day, day)]
        failed = []
        for start, end in ranges:
            tags = {RANGE_START: start.isoformat(), RANGE_END: end.isoformat()}
            failed += self._execute("load_days", f"loading {start} to {end}", tags=tags)
        return failed

    def _has_models_of(self, week: date) -> bool:
        with self._serving.connect() as connection:
            sunday = week - timedelta(days=1)
            placements = (*self._settings.recommender.enabled_placements, SIMILAR_ITEMS)
            found = [trained_on(connection, "recommender", sunday, placement) for placement in placements]
            found.append(trained_on(connection, "segmentation", sunday))
        return all(model and has_artifact(self._lake, model.artifact) for model in found)

    def _execute(
        self,
        job: str,
        title: str,
        *,
        partition_key: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Run a job and return its failed checks; raises `UserError` where a step failed for another reason."""
        self._report(title)
        definition = self._defs.resolve_job_def(job_name(self._shop, job))
        with reporting_to(self._report):
            result = definition.execute_in_process(
                instance=self._instance,
                partition_key=partition_key,
                tags={**(tags or {}), **self._tags, **self._more_tags},
                run_config={"loggers": {PROGRESS_LOGGER: {}}},
                raise_on_error=False,
            )
        evaluations = result.get_asset_check_evaluations()
        failed = [
            f"{check.asset_key.to_user_string()}: {check.check_name}: {check.description}"
            for check in evaluations
            if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
        ]
        for check in evaluations:
            if not check.passed and check.severity == dg.AssetCheckSeverity.WARN:
                self._report(f"warning: {check.asset_key.to_user_string()}: {check.description}")
        blocked = any(check.blocking and not check.passed for check in evaluations)
        errors = [
            (event.step_key, told(event.step_failure_data.error))
            for event in result.all_node_events
            if event.is_step_failure
        ]
        # A blocking check fails its own step as well, with an error of this class.
        crashes = [(step, error) for step, error in errors if error is None or error.cls_name != CHECK_FAILED]
        if crashes or (not result.success and not blocked):
            raise _failure(result, title, crashes, failed)
        return failed


def _failure(
    result: dg.ExecuteInProcessResult,
    title: str,
    crashes: list[tuple[str | None, SerializableErrorInfo | None]],
    failed_checks: list[str],
) -> UserError:
    """The first failed step's own words, and the checks that failed beside it."""
    look = f"`ml-assets ui` shows the log of run {result.run_id}."
    step, error = crashes[0] if crashes else (None, told(result.get_run_failure_event().job_failure_data.error))
    words = "no error was recorded" if error is None else error.message.split(":", 1)[-1].strip()
    if error is None or error.cls_name not in OUR_WORDS:
        # The first line says what; the rest is SQL and hints for developers, kept in the log.
        words = f"{f'Step {step}' if step else 'The run'} failed while {title}: {words.splitlines()[0]}"
    return UserError(" ".join([words, *(f"Check failed: {check}" for check in failed_checks)]), look)
