"""YAML files: values as people mean them, and complaints with their line."""

import pytest

from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings
from ml_assets_tests.settings.files import write


def test_broken_yaml_names_the_file_and_the_line() -> None:
    write("a: [1,\nb: 2")
    with pytest.raises(UserError, match=r"ml_assets\.yaml is not readable YAML at line 2"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "timezone: UTC\ncalendar: {holidays: [2026-13-01]}",
            r"line 2, column 23: 2026-13-01 is no value \(month must",
        ),
        (
            "calendar: {holidays: [2026-12-01 25:00:00]}",
            r"line 1, column 23: 2026-12-01 25:00:00 is no value \(hour must",
        ),
        ("lookback_days: 0x_", "line 1, column 16: 0x_ is no value"),
        ("lookback_days: " + "9" * 5000, "line 1, column 16: 9{40} is no value"),
        ("lookback_days: !!int many", "line 1, column 16: many is no value"),
        ("a: !!python/object:os.system {}", "line 1, column 4: could not determine a constructor"),
        ("{" * 3000, "nested too deeply"),
        ("lookback_days: !!bool many", "line 1, column 16: many is no value"),
        ("timezone: UTC\n---\nname: shop", "line 2, column 1: but found another document"),
        ("1: 1", "the key 1 is no word"),
        ("2026-01-01: 1", "no word"),
        ("alerts: {1: x}", r"alerts\.1"),
        ("calendar: {holidays: &a [*a]}", r"calendar\.holidays"),
        ("calendar: {country: DE, region: ZZ}", "calendar: DE has no region ZZ; known: BB"),
    ],
)
def test_no_yaml_ends_in_a_traceback(text: str, words: str) -> None:
    write(text)
    with pytest.raises(UserError, match=words) as refused:
        load_settings()
    assert "ml_assets.yaml" in refused.value.problem


def test_a_doubled_key_is_refused_with_its_place_and_without_its_values() -> None:
    write("database_url: postgresql://shop:hunter2@db/shop\ntimezone: UTC\ndatabase_url: postgresql://shop:hunter3@db")
    with pytest.raises(UserError, match=r'line 3, column 1: found duplicate key "database_url"\.') as refused:
        load_settings()
    assert "hunter" not in str(refused.value)


def test_yes_and_no_are_text_and_still_switch() -> None:
    write("source: {kind: complete_journey, replay: no}\ncalendar: {country: NO}")
    settings = load_settings()
    assert settings.calendar.country == "NO"
    assert settings.source.kind == "complete_journey"
    assert not settings.source.replay


def test_times_of_day_need_no_quotes() -> None:
    write(
        "schedules: {daily_at: 13:05}\nfreshness: {data: {deadline: 12:00}}\n"
        "alerts: {quiet_hours: {start: 22:00, end: 07:00}}\ndrift: {psi_warn: .3, psi_error: 1.5e+1}\n"
        "lookback_days: 1_00"
    )
    settings = load_settings()
    quiet = settings.alerts.quiet_hours
    assert quiet is not None
    assert (quiet.start, quiet.end) == ("22:00", "07:00")
    assert (settings.schedules.daily_at, settings.freshness.data.deadline) == ("13:05", "12:00")
    assert (settings.drift.psi_warn, settings.drift.psi_error, settings.lookback_days) == (0.3, 15, 100)
