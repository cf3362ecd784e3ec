"""Time: which days and weeks there are, and which model scores which day."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.dagster.partitions import Calendar, build_calendar, week_of
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import CompleteJourneySource
from ml_assets.sources.build import build_source


@pytest.fixture
def calendar(tmp_path: Path) -> Calendar:
    settings = Settings(
        home=tmp_path,
        timezone="Europe/Berlin",
        source=CompleteJourneySource(replay_start=date(2026, 1, 18)),
    )
    return build_calendar(settings, build_source(settings, today=date(2026, 11, 22)))


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_the_model_of_a_week_exists_from_its_monday_on(calendar: Calendar) -> None:
    assert calendar.weekly.get_first_partition_key() == "2026-01-19"
    before = datetime.now(ZoneInfo("Europe/Berlin")).date()
    newest = calendar.weekly.get_last_partition_key()
    # Midnight may pass in between.
    assert newest in {week_of(day).isoformat() for day in (before, before + timedelta(days=1))}


@pytest.mark.parametrize("day", ["2026-03-16", "2026-03-19", "2026-03-22"])
def test_a_day_looks_at_the_model_of_its_own_week(calendar: Calendar, day: str) -> None:
    upstream = dg.TimeWindowPartitionMapping().get_upstream_mapped_partitions_result_for_partitions(
        calendar.daily.subset_with_partition_keys([day]),
        calendar.daily,
        calendar.weekly,
        current_time=NOW,
    )
    assert list(upstream.partitions_subset.get_partition_keys()) == ["2026-03-16"]


def test_a_model_looks_at_the_week_before_its_monday_and_never_later(calendar: Calendar) -> None:
    upstream = calendar.week_before.get_upstream_mapped_partitions_result_for_partitions(
        calendar.weekly.subset_with_partition_keys(["2026-03-16"]),
        calendar.weekly,
        calendar.daily,
        current_time=NOW,
    )
    days = list(upstream.partitions_subset.get_partition_keys())
    assert (days[0], days[-1], len(days)) == ("2026-03-09", "2026-03-15", 7)


def test_features_look_back_no_further_than_the_first_day(calendar: Calendar) -> None:
    upstream = calendar.lookback.get_upstream_mapped_partitions_result_for_partitions(
        calendar.daily.subset_with_partition_keys(["2026-01-20"]),
        calendar.daily,
        calendar.daily,
        current_time=NOW,
    )
    assert list(upstream.partitions_subset.get_partition_keys()) == ["2026-01-18", "2026-01-19", "2026-01-20"]


def test_without_replay_the_calendar_ends_with_the_data(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, source=CompleteJourneySource(replay=False))
    calendar = build_calendar(settings, build_source(settings))
    assert calendar.daily.get_first_partition_key() == "2017-01-01"
    assert calendar.daily.get_last_partition_key() == "2018-01-01"
    assert "2017-11-27" in calendar.weekly.get_partition_keys()


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_a_week_begins_on_its_monday(day: date) -> None:
    monday = week_of(day)
    assert monday.weekday() == 0
    assert 0 <= (day - monday).days < 7
