"""Schedules: which partition a tick asks for, in the shop's zone, and when it asks for none."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from ml_assets.dagster.automation.jobs import BACK_OFF
from ml_assets.dagster.build import build_defs
from ml_assets.settings.schedules import ScheduleSettings
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import CompleteJourneySource
from ml_assets.subjects import MODEL_KINDS, PUBLISHED, Table

ZONE = "Europe/Berlin"


def definitions(home: Path, **source: object) -> dg.Definitions:
    chosen = CompleteJourneySource.model_validate(source or {"replay_start": date(2026, 1, 18)})
    return build_defs(Settings(home=home, timezone=ZONE, source=chosen), today=date(2026, 11, 22))


def tick(defs: dg.Definitions, schedule: str, when: str) -> dg.RunRequest | str:
    moment = datetime.fromisoformat(when).replace(tzinfo=ZoneInfo(ZONE))
    with dg.build_schedule_context(
        scheduled_execution_time=moment,
        repository_def=defs.get_repository_def(),
        instance=dg.DagsterInstance.ephemeral(),
    ) as context:
        result = defs.resolve_schedule_def(schedule).evaluate_tick(context)
    return result.run_requests[0] if result.run_requests else str(result.skip_message)


@pytest.mark.parametrize(
    ("schedule", "when", "partition"),
    [
        ("daily_scoring_schedule", "2026-03-10T03:00", "2026-03-09"),
        # The nights on which the clock is put forward and back.
        ("daily_scoring_schedule", "2026-03-29T03:00", "2026-03-28"),
        ("daily_scoring_schedule", "2026-10-25T03:00", "2026-10-24"),
        ("weekly_training_schedule", "2026-03-09T04:00", "2026-03-09"),
        ("weekly_report_schedule", "2026-03-09T07:00", "2026-03-09"),
    ],
)
def test_a_tick_asks_for_the_partition_of_its_own_time(
    tmp_path: Path, schedule: str, when: str, partition: str
) -> None:
    request = tick(definitions(tmp_path), schedule, when)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == request.run_key == partition


def test_a_finished_data_set_asks_for_nothing_more(tmp_path: Path) -> None:
    assert tick(definitions(tmp_path, replay=False), "daily_scoring_schedule", "2026-03-10T03:00") == (
        "The data ended before 2018-01-02."
    )


def test_schedules_are_on_unless_switched_off(tmp_path: Path) -> None:
    names = ("daily_scoring_schedule", "weekly_training_schedule")
    states = {definitions(tmp_path).resolve_schedule_def(name).default_status for name in names}
    assert states == {dg.DefaultScheduleStatus.RUNNING}
    off = Settings.model_validate({"home": tmp_path, "schedules": {"enabled": False}})
    assert build_defs(off).resolve_schedule_def(names[0]).default_status == dg.DefaultScheduleStatus.STOPPED


def test_a_named_shop_prefixes_its_keys_and_jobs(tmp_path: Path) -> None:
    defs = build_defs(Settings(home=tmp_path, name="books"))
    dg.Definitions.validate_loadable(defs)
    assert {key.path[0] for key in defs.resolve_asset_graph().get_all_asset_keys()} == {"books"}
    assert defs.resolve_job_def("books_daily_scoring").name == "books_daily_scoring"


def test_steps_that_fail_are_tried_again_with_ever_longer_waits_but_failed_gates_are_not(tmp_path: Path) -> None:
    policy = definitions(tmp_path).resolve_job_def("daily_scoring").op_retry_policy
    assert policy == BACK_OFF
    assert [round(policy.calculate_delay(attempt) / 60) for attempt in (1, 2)] != [0, 0]
    tries = {"gate": 0, "fault": 0}

    @dg.asset(check_specs=[dg.AssetCheckSpec("passes", asset="gate", blocking=True)])
    def gate() -> dg.MaterializeResult:  # type: ignore[type-arg]
        tries["gate"] += 1
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False)])

    @dg.asset
    def fault() -> None:
        tries["fault"] += 1
        raise OSError("the disk hiccups")

    quick = dg.RetryPolicy(max_retries=2, delay=0.01)
    job = dg.define_asset_job("both", selection="*", op_retry_policy=quick)
    defs = dg.Definitions(assets=[gate, fault], jobs=[job])
    defs.resolve_job_def("both").execute_in_process(raise_on_error=False)
    assert tries == {"gate": 1, "fault": 3}


@pytest.mark.parametrize("table", PUBLISHED.values(), ids=lambda table: table.name)
def test_nothing_of_a_day_is_published_whose_events_could_not_be_loaded(tmp_path: Path, table: Table) -> None:
    graph = definitions(tmp_path).resolve_asset_graph()
    # Through models a day hangs on those of the week before only.
    weekly = {f"{kind}_model" for kind in MODEL_KINDS}
    daily = {key for key in graph.get_all_asset_keys() if key.path[-1] not in weekly}
    above, waiting = set[dg.AssetKey](), [dg.AssetKey(table.asset)]
    while waiting:
        key = waiting.pop()
        above.add(key)
        waiting += [parent for parent in graph.get(key).parent_keys if parent in daily - above]
    assert dg.AssetKey("transactions") in above


def test_lists_are_made_anew_inside_the_day_only_where_the_settings_say_when(tmp_path: Path) -> None:
    def names(**schedules: object) -> list[str]:
        settings = Settings(
            home=tmp_path,
            timezone=ZONE,
            source=CompleteJourneySource(replay_start=date(2026, 1, 18)),
            schedules=schedules,
        )
        defs = build_defs(settings, today=date(2026, 11, 22))
        assert defs.resolve_job_def("since_last").name == "since_last"
        return [each.name for each in defs.schedules or [] if "since_last" in each.name]

    assert names() == []
    assert names(since_last="*/20 8-21 * * *") == ["since_last_schedule"]


def test_inside_the_day_a_tick_asks_for_a_run_unless_the_day_or_another_is_at_work(tmp_path: Path) -> None:
    source = CompleteJourneySource(replay_start=date(2026, 1, 18))
    settings = Settings(
        home=tmp_path, timezone=ZONE, source=source, schedules=ScheduleSettings(since_last="*/20 * * * *")
    )
    defs = build_defs(settings, today=date(2026, 11, 22))
    schedule = defs.resolve_schedule_def("since_last_schedule")
    moment = datetime(2026, 3, 10, 12, tzinfo=ZoneInfo(ZONE))
    with dg.instance_for_test() as instance:

        def ask() -> tuple[int, str | None]:
            with dg.build_schedule_context(scheduled_execution_time=moment, instance=instance) as context:
                result = schedule.evaluate_tick(context)
            return len(result.run_requests or []), result.skip_message

        assert ask() == (1, None)
        instance.create_run_for_job(defs.resolve_job_def("daily_scoring"), status=dg.DagsterRunStatus.STARTED)
        assert ask() == (0, "daily_scoring is at work.")
