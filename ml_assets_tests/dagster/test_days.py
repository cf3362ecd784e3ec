"""Which days should have come by now."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ml_assets.dagster.days import AbsentDays, absent_days
from ml_assets.dagster.shop import Shop
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source
from ml_assets_tests.shop import write_shop

BERLIN = ZoneInfo("Europe/Berlin")
YESTERDAY = datetime.now(BERLIN).date() - timedelta(days=1)
AT_NOON = datetime.combine(YESTERDAY + timedelta(days=1), datetime.min.time(), BERLIN) + timedelta(hours=12)
BEFORE = [YESTERDAY - timedelta(days=number) for number in range(10)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(write_shop(tmp_path_factory.mktemp("days")))


def absent(settings: Settings, newest: date, now: datetime = AT_NOON, **more: Any) -> AbsentDays:
    given = Settings.model_validate(settings.model_dump() | more)
    source = build_source(given)
    return absent_days(Shop.of(given, source), source, newest, now)


def test_days_after_the_newest_one_with_events_should_have_come(settings: Settings) -> None:
    assert absent(settings, BEFORE[0]) == AbsentDays([], [])
    assert absent(settings, BEFORE[3]) == AbsentDays([BEFORE[2], BEFORE[1], BEFORE[0]], [])


def test_a_day_is_due_when_its_daily_run_is(settings: Settings) -> None:
    night = AT_NOON - timedelta(hours=10)
    assert absent(settings, BEFORE[2], night) == AbsentDays([BEFORE[1]], [BEFORE[0]])
    assert absent(settings, BEFORE[2], night, schedules={"daily_at": "01:30"}).overdue == [BEFORE[1], BEFORE[0]]


def test_no_day_is_missing_on_which_the_shop_is_closed_or_that_may_be_empty(settings: Settings) -> None:
    assert absent(settings, BEFORE[2], calendar={"holidays": [BEFORE[1]]}).overdue == [BEFORE[0]]
    weekday = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[BEFORE[0].weekday()]
    assert absent(settings, BEFORE[7], calendar={"business_days": [weekday]}).overdue == [BEFORE[0]]
    assert absent(settings, BEFORE[2], events={"allow_empty_days": True}) == AbsentDays([], [])
    assert absent(settings, BEFORE[2], source={"kind": "complete_journey"}) == AbsentDays([], [])
