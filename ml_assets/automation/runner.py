"""Running days from the command line: the same jobs as the schedules, in this process, on the same instance.

What must run before a day can be scored (missing history, the models of its week) is decided here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import dagster as dg

from ml_assets.assets.releases import publish_pool
from ml_assets.assets.shop import Shop
from ml_assets.automation.checks import IS_FRESH
from ml_assets.automation.instance import open_instance
from ml_assets.automation.jobs import job_name
from ml_assets.automation.partitions import build_calendar, week_of
from ml_assets.automation.progress import PROGRESS_LOGGER, reporting_to
from ml_assets.definitions import build_defs
from ml_assets.errors import UserError
from ml_assets.events.load import empty_days, missing_ranges
from ml_assets.lake import Lake
from ml_assets.resources.serving import ServingDatabase
from ml_assets.serving.exclusive import one_at_a_time
from ml_assets.serving.registry import champion
from ml_assets.serving.releases import live_days
from ml_assets.serving.subjects import SUBJECTS
from ml_assets.settings import Settings
from ml_assets.sources.build import build_source

Report = Callable[[str], None]
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dataclass
class Outcome:
    """What a command did."""

    days: list[date] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)


class Runner:
    """Runs the jobs of one shop in this process."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._source = build_source(settings)
        self._shop = Shop(settings, build_calendar(settings, self._source))
        self._lake = Lake.of(settings)
        self._serving = ServingDatabase(settings, self._source)
        self._defs = build_defs(settings)

    def newest_day(self) -> date:
        """The newest day that is over and that the source covers."""
        last = self._shop.calendar.daily.get_last_partition_key()
        covered = self._source.days().last
        if last is None:
            raise UserError(f"No day is over since {self._shop.calendar.first_day}.", "Wait until tomorrow.")
        return min(date.fromisoformat(last), covered)

    def is_published(self, day: date) -> bool:
        """Whether the predictions of a day are live."""
        with self._serving.connect() as connection:
            live = live_days(connection)
        return live.keys() == SUBJECTS.keys() and set(live.values()) == {day}

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
        inside = covered.first <= day <= covered.last
        if not self._settings.events.allow_empty_days and (not inside or self._source.read_lines(day, day).is_empty()):
            raise empty_days(self._source, day, day)

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
                for pool in {publish_pool(subject) for subject in SUBJECTS} - set(known):
                    found.event_log_storage.initialize_concurrency_limit_to_default(pool)
                self._instance = found
                yield

    def run_day(self, day: date, outcome: Outcome) -> None:
        """Load what is missing, train the week's models where there are none, score and publish the day."""
        self._load_missing(day)
        week = week_of(day)
        if not self._has_models_of(week):
            self._execute("weekly_training", f"training the models of week {week}", outcome, partition_key=f"{week}")
        self._execute("daily_scoring", f"scoring {day}", outcome, partition_key=f"{day}")
        outcome.days.append(day)

    def _load_missing(self, day: date) -> None:
        calendar = self._shop.calendar
        first = max(calendar.first_day, day - timedelta(days=self._settings.lookback_days - 1))
        wanted = [first + timedelta(days=number) for number in range((day - first).days)]
        present = {date.fromisoformat(key) for key in self._lake.partitions("transactions")}
        covered = self._source.days()
        wanted = [known for known in wanted if covered.first <= known <= covered.last]
        for start, end in missing_ranges(wanted, present):
            tags = {RANGE_START: start.isoformat(), RANGE_END: end.isoformat()}
            self._execute("load_days", f"loading {start} to {end}", Outcome(), tags=tags)
        if not self._lake.exists("items"):
            tags = {RANGE_START: day.isoformat(), RANGE_END: day.isoformat()}
            self._execute("load_days", f"loading {day}", Outcome(), tags=tags)

    def _has_models_of(self, week: date) -> bool:
        with self._serving.connect() as connection:
            found = [champion(connection, kind, before=week) for kind in ("recommender", "segmentation")]
        return all(model and model.trained_through == week - timedelta(days=1) for model in found)

    def _execute(
        self,
        job: str,
        title: str,
        outcome: Outcome,
        *,
        partition_key: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._report(title)
        definition = self._defs.resolve_job_def(job_name(self._shop, job))
        with reporting_to(self._report):
            result = definition.execute_in_process(
                instance=self._instance,
                partition_key=partition_key,
                tags={**(tags or {}), "ml_assets/started_by": "command line"},
                run_config={"loggers": {PROGRESS_LOGGER: {}}},
                raise_on_error=False,
            )
        # An old day is stale by its nature; `ml-assets status` is the command that judges age.
        failed = [
            f"{check.asset_key.to_user_string()}: {check.check_name}: {check.description}"
            for check in result.get_asset_check_evaluations()
            if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR and check.check_name != IS_FRESH
        ]
        outcome.failed_checks.extend(failed)
        if not result.success and not failed:
            raise _failure(result, title)


def _failure(result: dg.ExecuteInProcessResult, title: str) -> UserError:
    """The first failed step's own words."""
    for event in result.all_node_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            if error is not None:
                message = error.message.split(":", 1)[-1].strip()
                step = event.step_key
                if error.cls_name == "UserError":
                    return UserError(message, "")
                return UserError(
                    f"Step {step} failed while {title}: {message}",
                    f"`ml-assets ui` shows the stack trace of run {result.run_id}.",
                )
    error = getattr(result.get_run_failure_event().event_specific_data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    why = error.message.strip() if error else "its log says why"
    return UserError(f"The run {result.run_id} failed while {title}: {why}.", "`ml-assets ui` shows its log.")


def local_today(settings: Settings) -> date:
    """The shop's calendar day."""
    return datetime.now(settings.tz).date()
