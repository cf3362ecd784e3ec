"""Freshness at any moment: business days, holidays, deadlines, volume, and the nights when the clock is changed."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from ml_assets.books.freshness import observe, read_freshness, sync_policies
from ml_assets.books.source_days import record_days
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.events.fingerprint import DayContent
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings
from ml_assets.subjects import SUBJECTS
from ml_assets_tests.zones import CHANGES, fortnight_around

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = date(2026, 3, 20)
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]


def settings(**more: Any) -> Settings:
    return Settings.model_validate({"timezone": "Europe/Berlin", **more})


def status(connection: ServingConnection, when: str, subject: str = "transactions") -> str:
    at = datetime.fromisoformat(when).replace(tzinfo=BERLIN)
    return next(row.status for row in read_freshness(connection, at) if row.subject == subject)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        # Thirty hours of business after Friday's end are Tuesday, six o'clock; fifty-four are Wednesday.
        ("2026-03-22T23:00", "fresh"),
        ("2026-03-24T05:59", "fresh"),
        ("2026-03-24T06:01", "warn"),
        ("2026-03-25T05:59", "warn"),
        ("2026-03-25T06:01", "stale"),
    ],
)
def test_days_without_business_do_not_age(connection: ServingConnection, when: str, expected: str) -> None:
    sync_policies(connection, settings(calendar={"business_days": WEEKDAYS}))
    observe(connection, "transactions", "data", FRIDAY)
    assert status(connection, when) == expected


def test_holidays_of_the_country_do_not_age(connection: ServingConnection) -> None:
    # Good Friday and Easter Monday 2026 are 3 and 6 April; the shop closes on the Saturday between by itself.
    place = {"business_days": WEEKDAYS, "country": "DE", "region": "BY", "holidays": ["2026-04-07"]}
    sync_policies(connection, settings(calendar=place))
    observe(connection, "transactions", "data", date(2026, 4, 2))
    assert status(connection, "2026-04-08T23:00") == "fresh"
    assert status(connection, "2026-04-09T06:01") == "warn"


def test_a_model_ages_on_every_day(connection: ServingConnection) -> None:
    sync_policies(connection, settings(calendar={"business_days": ["wed"]}))
    connection.execute(
        "INSERT INTO ml_meta.models (kind, version, trained_through, data_fingerprint, parameters, metrics, card, "
        "artifact, checksum, decision, reason) VALUES ('recommender', 'v', %s, '', '{}', '{}', '{}', '', '', "
        "'promoted', '')",
        [FRIDAY],
    )
    assert status(connection, "2026-03-29T03:00", "recommender_model") == "warn"


@pytest.mark.parametrize(
    ("deadline", "when", "expected"),
    [
        ("07:00", "2026-03-24T06:59", "fresh"),
        ("07:00", "2026-03-24T07:01", "stale"),
        # Between the two changes of the clock, seven in New York is noon in Berlin.
        ("07:00 America/New_York", "2026-03-24T11:59", "fresh"),
        ("07:00 America/New_York", "2026-03-24T12:01", "stale"),
    ],
)
def test_a_deadline_is_a_time_of_the_day_after_the_next_business_day(
    connection: ServingConnection, deadline: str, when: str, expected: str
) -> None:
    limits = {"subjects": {"transactions": {"deadline": deadline}}}
    sync_policies(connection, settings(calendar={"business_days": WEEKDAYS}, freshness=limits))
    observe(connection, "transactions", "data", FRIDAY)
    assert status(connection, when) == expected
    reason = next(row.reason for row in read_freshness(connection) if row.subject == "transactions")
    assert reason is not None
    zone = "America/New_York" if "New" in deadline else "Europe/Berlin"
    assert reason == f"The newest day is 2026-03-20; a newer one was due by 2026-03-24 07:00 {zone}."


@pytest.mark.parametrize(
    ("day", "hours"),
    # From the end of the day: the nights on which the clock is put forward (23 hours) and back (25 hours).
    [(date(2026, 3, 27), 53), (date(2026, 3, 28), 53), (date(2026, 10, 24), 55), (date(2026, 6, 1), 54)],
)
def test_an_hour_is_an_hour_also_when_the_clock_is_changed(
    connection: ServingConnection, day: date, hours: int
) -> None:
    sync_policies(connection, settings())
    observe(connection, "transactions", "data", day)
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), BERLIN).astimezone(UTC)
    row = next(row for row in read_freshness(connection, end) if row.subject == "transactions")
    assert row.stale_at == end + timedelta(hours=54)
    # On the wall that is an hour more or less than two days and six hours later.
    midnights = datetime.combine(day + timedelta(days=3), datetime.min.time(), BERLIN).astimezone(UTC) - end
    assert midnights.total_seconds() / 3600 == hours - 6


def test_dbt_syntax_and_short_durations_mean_the_same() -> None:
    short = settings(freshness={"data": {"warn_after": "12h", "error_after": "2d"}})
    dbt = {"warn_after": {"count": 12, "period": "hour"}, "error_after": {"count": 2, "period": "day"}}
    assert settings(freshness={"data": dbt}).freshness == short.freshness


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        ("freshness: {data: {deadline: 7am}}", "freshness.data.deadline"),
        ("freshness: {data: {deadline: '07:00 Berlin'}}", "zone Berlin is not an IANA time zone"),
        ("freshness: {subjects: {recomendations: {max_age: 1d}}}", "freshness.subjects has the key 'recomendations'"),
        ("calendar: {business_days: [monday]}", "calendar.business_days"),
        ("calendar: {country: XX}", "public holidays of XX are not known"),
        ("alerts: {routes: [{channels: [ops]}]}", "channel ops is named but not defined"),
        ("alerts: {channels: {a: {url: 'x://', fallback: b}, b: {url: 'y://', fallback: a}}}", "in a circle"),
        ("alerts: {quiet_hours: {start: '25:00', end: '07:00'}}", "alerts.quiet_hours.start"),
    ],
)
def test_bad_policies_are_refused_with_their_key(tmp_path: Any, yaml: str, words: str) -> None:
    (tmp_path / "shop.yaml").write_text(yaml)
    with pytest.raises(UserError, match=words):
        load_settings(tmp_path / "shop.yaml")


@pytest.mark.parametrize(
    "yaml",
    ["alerts: {channels: {ops: 'slack://T0KEN-4711'}}", "alerts: {channels: {ops: {uri: 'slack://T0KEN-4711'}}}"],
)
def test_a_wrong_channel_is_refused_without_repeating_its_secret(tmp_path: Any, yaml: str) -> None:
    (tmp_path / "shop.yaml").write_text(yaml)
    with pytest.raises(UserError) as refused:
        load_settings(tmp_path / "shop.yaml")
    assert "alerts.channels.ops" in str(refused.value)
    assert "4711" not in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "expected"), [(1000, "fresh"), (450, "fresh"), (300, "warn"), (50, "stale"), (5000, "fresh")]
)
def test_too_few_rows_are_told_against_the_same_weekday(
    connection: ServingConnection, rows: int, expected: str
) -> None:
    sync_policies(connection, settings())
    # Fridays have 1,000 rows, other days 3,000.
    past = [FRIDAY - timedelta(days=number) for number in range(1, 40)]
    record_days(connection, {day: DayContent(1000 if day.isoweekday() == 5 else 3000, "a:1") for day in past})
    record_days(connection, {FRIDAY: DayContent(rows, "a:1")})
    observe(connection, "transactions", "data", FRIDAY)
    assert status(connection, "2026-03-21T04:00") == expected
    row = next(row for row in read_freshness(connection) if row.subject == "transactions")
    assert (row.row_count, row.usual_row_count) == (rows, 1000)


def test_volume_is_not_judged_on_holidays_or_with_little_history(connection: ServingConnection) -> None:
    past = [FRIDAY - timedelta(days=7 * number) for number in range(1, 3)]
    record_days(connection, {day: DayContent(1000, "a:1") for day in [*past]} | {FRIDAY: DayContent(1, "a:1")})
    observe(connection, "transactions", "data", FRIDAY)
    sync_policies(connection, settings())
    assert status(connection, "2026-03-21T04:00") == "fresh"
    record_days(connection, {FRIDAY - timedelta(days=21): DayContent(1000, "a:1")})
    assert status(connection, "2026-03-21T04:00") == "stale"
    sync_policies(connection, settings(calendar={"holidays": [FRIDAY.isoformat()]}))
    assert status(connection, "2026-03-21T04:00") == "fresh"


def test_a_reader_sees_freshness_incidents_and_restatements_and_nothing_behind_them(
    connection: ServingConnection,
) -> None:
    sync_policies(connection, settings())
    with connection.transaction():
        connection.execute("SET LOCAL ROLE ml_reader")
        for rows in ("ml.freshness", "ml.freshness_at(now() + interval '1 day')"):
            found = connection.execute(f"SELECT subject FROM {rows}").fetchall()
            assert {subject for (subject,) in found} == set(SUBJECTS)
        for view in ("incidents", "restatements"):
            assert connection.execute(f"SELECT * FROM ml.{view}").fetchall() == []
    connection.execute("SET ROLE ml_reader")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM ml_meta.messages")


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_data_ages_by_hours_that_pass_from_the_local_midnight_on_whatever_the_clock_shows(
    connection: ServingConnection, zone: str, change: date
) -> None:
    sync_policies(connection, settings(timezone=zone))
    for day in fortnight_around(change):
        observe(connection, "transactions", "data", day)
        midnight = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
        rows = {row.subject: row for row in read_freshness(connection, midnight)}
        row = rows["transactions"]
        assert row.age == timedelta(0)
        assert row.stale_at == midnight + row.error_after
