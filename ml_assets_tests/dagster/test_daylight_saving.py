"""Days and ticks of fourteen days around the nights on which the clock is changed: each once, none left out."""

import itertools
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator  # noqa: TID251 the times that the daemon goes by

from ml_assets.dagster.build import build_defs
from ml_assets.dagster.partitions import Calendar, build_calendar
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import CompleteJourneySource
from ml_assets.sources.build import build_source
from ml_assets_tests.zones import CHANGES, fortnight_around

START = date(2024, 1, 8)


def settings(home: Path, zone: str, daily_at: str = "03:00") -> Settings:
    source = CompleteJourneySource.model_validate({"replay_start": START})
    return Settings.model_validate(
        {"home": home, "timezone": zone, "source": source, "schedules": {"daily_at": daily_at}}
    )


def calendar(home: Path, zone: str) -> Calendar:
    shop = settings(home, zone)
    return build_calendar(shop, build_source(shop, today=date(2024, 12, 1)))


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_days_follow_each_other_without_a_gap_or_a_double(tmp_path: Path, zone: str, change: date) -> None:
    daily, days = calendar(tmp_path, zone).daily, fortnight_around(change)
    windows = [daily.time_window_for_partition_key(day.isoformat()) for day in days]
    assert all(before.end == after.start for before, after in itertools.pairwise(windows))
    for day, window in zip(days, windows, strict=True):
        moment = window.start
        while moment < window.end:
            assert moment.astimezone(ZoneInfo(zone)).date() == day
            moment += timedelta(minutes=30)


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_a_day_is_over_at_its_local_midnight_and_not_before(tmp_path: Path, zone: str, change: date) -> None:
    made = calendar(tmp_path, zone)
    for day in fortnight_around(change):
        # The first and the last moment of the day after, told by UTC, which knows no change.
        moments = [datetime.combine(day, time(), UTC) + timedelta(minutes=10 * number) for number in range(432)]
        after = [one for one in moments if one.astimezone(ZoneInfo(zone)).date() == day + timedelta(days=1)]
        for moment in (after[0], after[-1]):
            with dg.partition_loading_context(effective_dt=moment):
                assert made.last_day == day, moment


@pytest.mark.parametrize("daily_at", ["00:00", "00:30", "02:30", "03:00"])
@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_every_day_is_asked_for_once_whatever_the_hour_of_the_schedule(
    tmp_path: Path, zone: str, change: date, daily_at: str
) -> None:
    shop, days = settings(tmp_path, zone, daily_at), fortnight_around(change)
    defs = build_defs(shop, today=date(2024, 12, 1))
    schedule = defs.resolve_schedule_def("daily_scoring_schedule")
    start = datetime.combine(days[0], time(12), ZoneInfo(zone))
    ticks = schedule_execution_time_iterator(
        start.timestamp(), schedule.cron_schedule, schedule.execution_timezone, ascending=True
    )
    instance = dg.DagsterInstance.ephemeral()
    asked: list[str | None] = []
    for moment in ticks:
        if moment.astimezone(ZoneInfo(zone)).date() > days[-1]:
            break
        with dg.build_schedule_context(
            scheduled_execution_time=moment, repository_def=defs.get_repository_def(), instance=instance
        ) as context:
            asked += [request.partition_key for request in schedule.evaluate_tick(context).run_requests or ()]
    assert asked == [day.isoformat() for day in days[:-1]]
