"""Moments as cron writes them: what is none is refused with the field that is wrong."""

import pytest
from pydantic import ValidationError

from ml_assets.settings.schedules import ScheduleSettings


@pytest.mark.parametrize(
    "cron",
    ["*/15 8-22 * * *", "0,30 * * * 1-5", "5 4 1 1 0", "0 8-22/2 * * 7", "0 0 29 2 *", "0 0 31 */2 *"],
)
def test_five_fields_of_numbers_are_taken(cron: str) -> None:
    assert ScheduleSettings(since_last=cron).since_last == cron


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("*/15 * * *", "has 4 fields"),
        ("60 * * * *", "'60' in '60 \\* \\* \\* \\*' is none of the minutes 0 to 59"),
        ("0 22-8 * * *", "none of the hours 0 to 23"),
        ("0 0 0 * *", "none of the days of the month 1 to 31"),
        ("0 0 * jan *", "none of the months"),
        ("0 0 * * 8", "none of the weekdays"),
        ("*/0 * * * *", "none of the minutes"),
        ("0 0 30 2 *", "no month of '0 0 30 2 \\*' has that day"),
        ("0 0 31 4,6-6,9/2 1", "no month of"),
        ("every hour on the hour", "none of the minutes"),
    ],
)
def test_what_is_no_moment_is_refused_with_its_field(cron: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ScheduleSettings(since_last=cron)


def test_by_default_nothing_runs_inside_the_day() -> None:
    assert ScheduleSettings().since_last is None
