"""What only Dagster knows to be wrong: failed checks and runs, ticks that fail, daemons that are dead.

Each collector looks at the present state, not at events: what is wrong at this moment is a finding, and it is over
when the next check, run or tick is good. What the database shows is collected in `alerts/collect.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from ml_assets.alerts.finding import Collected, Finding, Severity

# What the database tells better: age, gates, drift and refused challengers.
TOLD_BY_THE_DATABASE = ("is_fresh", "passes_its_gates", "has_not_drifted", "challengers_are_promoted")
CHECK_FAILED = "DagsterAssetCheckFailedError"
WILL_RETRY = "dagster/will_retry"
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
        *_failed_runs(instance, watched),
        *_failed_ticks(instance, watched),
        *_dead_daemons(instance),
    ]
    return Collected.of(findings, "checks", "runs", "ticks", "daemons")


def _failed_checks(instance: dg.DagsterInstance, watched: Watched) -> Iterator[Finding]:
    keys = [key for key in watched.checks if key.name not in TOLD_BY_THE_DATABASE]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    for key in keys:
        record = records.get(key)
        if record is None:
            continue
        cause, subject = f"check:{key.name}", key.asset_key.path[-1]
        evaluation = record.event.asset_check_evaluation if record.event and record.event.dagster_event else None
        if evaluation is not None and not evaluation.passed:
            severity: Severity = "error" if evaluation.severity == dg.AssetCheckSeverity.ERROR else "warning"
            words = f"{key.name}: {evaluation.description or 'it failed without a description.'}"
            yield Finding(subject, cause, "check", severity, "checks", words, LOOK)
        elif record.status == AssetCheckExecutionRecordStatus.PLANNED and _is_over(instance, record.run_id):
            # A check that raised never reports; its run has ended without it.
            words = f"{key.name} could not be evaluated: it raised an error."
            yield Finding(subject, cause, "check", "error", "checks", words, f"{LOOK} (run {record.run_id[:8]})")


def _is_over(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and run.is_finished


def _failed_runs(instance: dg.DagsterInstance, watched: Watched) -> Iterator[Finding]:
    for job in watched.jobs:
        newest = instance.get_runs(dg.RunsFilter(job_name=job, statuses=FINISHED), limit=1)
        for run in newest:
            failed = run.status == dg.DagsterRunStatus.FAILURE and run.tags.get(WILL_RETRY) != "true"
            why = _why(instance, run) if failed else None
            if why is not None:
                partition = run.tags.get("dagster/partition")
                of = f" of {partition}" if partition else ""
                step = f"`ml-assets ui` shows run {run.run_id[:8]}"
                if partition and watched.plain(job) == "daily_scoring":
                    step = f"`ml-assets run --date {partition}`, or {step}"
                yield Finding(watched.plain(job), "run", "run", "error", "runs", f"The run{of} failed: {why}", step)


def _why(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """The first failed step's own words; None where only blocking checks failed, which tell themselves."""
    records = instance.event_log_storage.get_records_for_run(
        run.run_id, of_type={dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}, limit=20
    ).records
    events = [record.event_log_entry.dagster_event for record in records]
    steps = [event for event in events if event is not None and event.is_step_failure]
    words: list[str] = []
    for event in steps:
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is None or error.cls_name != CHECK_FAILED:
            text = error.message.split(":", 1)[-1].strip() if error else "no error was recorded"
            words.append(f"step {event.step_key}: {(text.splitlines() or ['no words'])[0]}")
    if steps:
        return words[0] if words else None
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
