"""What only Dagster knows to be wrong: failed checks and runs, ticks that fail, daemons that are dead.

Each collector looks at the present state, not at events: what is wrong at this moment is a finding, and it is over
when the next check, run or tick is good. What the database shows is collected in `alerts/look/collect.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned  # noqa: TID251 what records hold has no public name
from dagster._core.scheduler.instigation import TickStatus  # noqa: TID251 what ticks hold has no public name
from dagster._core.storage.asset_check_execution_record import (  # noqa: TID251 get_asset_check_execution_history returns them
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)
from dagster_shared.error import SerializableErrorInfo

from ml_assets.alerts.finding import Collected, Finding, Severity
from ml_assets.dagster.failures import crashes
from ml_assets.dagster.runs import WILL_RETRY, days_of

# What the database tells better: age, gates, drift, refused challengers and broken promises.
TOLD_BY_THE_DATABASE = (
    "is_fresh",
    "passes_its_gates",
    "has_not_drifted",
    "challengers_are_promoted",
    "keeps_its_promise",
)
# Jobs that do the work of a job as well, so that their success ends its failure.
HEIRS = {"load_days": ("daily_scoring",), "rebuild": ("daily_scoring",), "since_last": ("daily_scoring",)}
# Jobs whose work `ml-assets run` does again.
DAILY = ("daily_scoring", "load_days")
# Runs and evaluations that are looked back at.
REMEMBERED = 20
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
LOOK = "`ml-assets ui` shows it"
ALERTS_SENSOR = "alerts"


@dataclass(frozen=True)
class Watched:
    """What of an instance belongs to one shop."""

    prefix: str
    """Of job and sensor names: the shop's name and an underscore, or nothing."""
    jobs: Sequence[str]
    checks: Sequence[dg.AssetCheckKey]
    instigators: Sequence[str]
    """Names of schedules and sensors."""

    def plain(self, name: str) -> str:
        """A job's name as the graph of causes knows it."""
        return name.removeprefix(self.prefix)


def collect_dagster(instance: dg.DagsterInstance, watched: Watched) -> Collected:
    """Everything that Dagster shows of the shop."""
    findings = [
        *_failed_checks(instance, watched),
        *failed_runs(instance, watched),
        *_failed_ticks(instance, watched),
        *_dead_daemons(instance),
    ]
    return Collected.of(findings, "checks", "runs", "ticks", "daemons")


def _failed_checks(instance: dg.DagsterInstance, watched: Watched) -> Iterator[Finding]:
    keys = [key for key in watched.checks if key.name not in TOLD_BY_THE_DATABASE]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    for key in keys:
        newest = records.get(key)
        record = newest if newest is None else _last_verdict(instance, key, newest)
        if record is None:
            continue
        cause, subject = f"check:{key.name}", key.asset_key.path[-1]
        if record.status == AssetCheckExecutionRecordStatus.PLANNED:
            words = f"{key.name} could not be evaluated: it raised an error."
            yield Finding(subject, cause, "check", "error", "checks", words, f"{LOOK} (run {record.run_id[:8]})")
            continue
        evaluation = record.event.asset_check_evaluation if record.event else None
        if evaluation is not None and not evaluation.passed:
            severity: Severity = "error" if evaluation.severity == dg.AssetCheckSeverity.ERROR else "warning"
            words = f"{key.name}: {evaluation.description or 'it failed without a description.'}"
            yield Finding(subject, cause, "check", severity, "checks", words, LOOK)


def _last_verdict(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, newest: AssetCheckExecutionRecord
) -> AssetCheckExecutionRecord | None:
    """The last time that a check said something, or raised; what is at work, or was skipped with its run, says nothing.

    A check that raised never reports: it stays planned, and its step has failed.
    """
    if newest.status != AssetCheckExecutionRecordStatus.PLANNED:
        return newest
    for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=REMEMBERED):
        planned = record.status == AssetCheckExecutionRecordStatus.PLANNED
        if not planned or key in _steps_of(instance, record.run_id).raised_checks:
            return record
    return None


@dataclass(frozen=True)
class _Steps:
    """What became of the steps of a run."""

    failures: Sequence[tuple[str, SerializableErrorInfo | None]]
    """Step keys and errors, without those of steps that only evaluate checks."""
    raised_checks: frozenset[dg.AssetCheckKey]


def _steps_of(instance: dg.DagsterInstance, run_id: str) -> _Steps:
    kinds = {
        dg.DagsterEventType.STEP_FAILURE,
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    }
    records = instance.event_log_storage.get_records_for_run(run_id, of_type=kinds).records
    events = [record.event_log_entry.dagster_event for record in records if record.event_log_entry.dagster_event]
    makers = {
        event.step_key for event in events if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    }
    failed = {event.step_key: event.step_failure_data.error for event in events if event.is_step_failure}
    checks = {
        event.step_key: event.event_specific_data
        for event in events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED and event.step_key not in makers
    }
    raised = [checks[step] for step in failed.keys() & checks.keys()]
    return _Steps(
        [(str(step), error) for step, error in failed.items() if step not in checks],
        frozenset(one.asset_check_key for one in raised if isinstance(one, AssetCheckEvaluationPlanned)),
    )


def failed_runs(instance: dg.DagsterInstance, watched: Watched) -> Iterator[Finding]:
    """Of each job the newest run that failed, until one succeeds that reached as far."""
    ended = {
        job: instance.get_run_records(dg.RunsFilter(job_name=job, statuses=FINISHED), limit=REMEMBERED)
        for job in watched.jobs
    }
    for job, records in ended.items():
        heirs = [job, *(other for other in watched.jobs if watched.plain(other) in HEIRS.get(watched.plain(job), ()))]
        good = [one for heir in heirs for one in ended[heir] if one.dagster_run.status == dg.DagsterRunStatus.SUCCESS]
        for record in records:
            run = record.dagster_run
            is_over = any(_came_after(one, record) for one in good)
            if run.status == dg.DagsterRunStatus.SUCCESS or run.tags.get(WILL_RETRY) == "true" or is_over:
                continue
            why = _why(instance, run)
            if why is not None:
                yield _failed_run(watched, run, why)
                break


def _came_after(good: dg.RunRecord, bad: dg.RunRecord) -> bool:
    """Whether a run that succeeded ended later, and reached as far: an older day says nothing of a newer one."""
    later = (good.end_time or 0) > (bad.end_time or 0)
    reached, wanted = days_of(good.dagster_run), days_of(bad.dagster_run)
    return later and (reached is None or wanted is None or reached[1] >= wanted[1])


def _failed_run(watched: Watched, run: dg.DagsterRun, why: str) -> Finding:
    job, days, of = watched.plain(run.job_name), days_of(run), ""
    step = f"`ml-assets ui` shows run {run.run_id[:8]}"
    if days:
        first, last = days
        of = f" of {last}" if first == last else f" of {first} to {last}"
        if job in DAILY:
            step = f"`ml-assets run --date {last}`, or {step}"
    return Finding(job, "run", "run", "error", "runs", f"The run{of} failed: {why}", step)


def _why(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """The first failed step's own words; None where only checks failed, which tell themselves."""
    steps = _steps_of(instance, run.run_id)
    if found := crashes(steps.failures):
        return f"step {found[0].step}: {found[0].first_line}"
    if steps.failures or steps.raised_checks:
        return None
    records = instance.event_log_storage.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE
    ).records
    events = [record.event_log_entry.dagster_event for record in records]
    messages = [event.message for event in events if event is not None and event.message]
    return (messages[-1].splitlines() or ["it ended without a word"])[0] if messages else "it ended without a word"


def _failed_ticks(instance: dg.DagsterInstance, watched: Watched) -> Iterator[Finding]:
    names = set(watched.instigators)
    for state in instance.all_instigator_state():
        # This very sensor is in the middle of its tick; when it fails, `ml-assets watch` notices the silence.
        if state.instigator_name not in names or state.instigator_name == f"{watched.prefix}{ALERTS_SENSOR}":
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=3)
        ended = next((tick for tick in ticks if tick.status != TickStatus.STARTED), None)
        if ended is not None and ended.status == TickStatus.FAILURE and state.is_running:
            text = ended.error.message.strip().splitlines()[-1] if ended.error and ended.error.message else "no words"
            words = f"The last tick of {state.instigator_name} failed: {text}"
            subject = watched.plain(state.instigator_name)
            yield Finding(subject, "tick", "dagster", "error", "ticks", words, f"{LOOK} under Automation")


def _dead_daemons(instance: dg.DagsterInstance) -> Iterator[Finding]:
    required = instance.get_required_daemon_types()
    dead = [
        kind
        for kind, status in instance.get_daemon_statuses(required).items()
        if status.required and status.healthy is False and status.last_heartbeat is not None
    ]
    if dead:
        words = f"Daemons without a heartbeat: {', '.join(sorted(name.lower() for name in dead))}."
        step = "restart Dagster's daemon (`ml-assets ui`, or `docker compose restart daemon`)"
        yield Finding("dagster", "daemon", "dagster", "error", "daemons", words, step)
