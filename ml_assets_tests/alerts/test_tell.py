"""Who hears of a cause: also those who want to hear of what it explains, and as soon as that must be heard."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ml_assets.database.connection import ServingConnection
from ml_assets_tests.alerts.receivers import http_receiver
from ml_assets_tests.alerts.shops import arrive, set_up, settings_of, tell

BERLIN = ZoneInfo("Europe/Berlin")
DAY = date(2026, 3, 17)
SOONER: dict[str, Any] = {"data": {"warn_after": "20h", "error_after": "24h"}}


def at(text: str) -> datetime:
    return datetime.strptime(f"2026-03-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=BERLIN)


def test_a_route_for_a_subject_hears_of_what_makes_it_stale_and_when_that_is_over(
    connection: ServingConnection,
) -> None:
    with http_receiver() as all_, http_receiver() as lists:
        settings = settings_of(
            {
                "channels": {"all": {"url": all_.url}, "lists": {"url": lists.url}},
                "remind_after": "30d",
                "routes": [
                    {"channels": ["all"]},
                    {"channels": ["lists"], "subjects": ["recommendations"], "severity": "error"},
                ],
            },
            freshness=SOONER,
        )
        set_up(connection, settings, day=DAY, created=at("01 00:00"))
        # The feed is stale after a day, the lists after 54 hours.
        tell(connection, settings, at("19 01:00"))
        assert (all_.titles, lists.titles) == (["ERROR: transactions is stale"], [])
        tell(connection, settings, at("20 07:00"))
        tell(connection, settings, at("20 07:01"))
        assert lists.titles == ["ERROR: transactions is stale"]
        assert "recommendations is stale" in lists.messages[0]["body"]
        arrive(connection, date(2026, 3, 19))
        for minutes in (0, 30):
            tell(connection, settings, at("20 08:00") + timedelta(minutes=minutes))
        assert lists.titles == ["ERROR: transactions is stale", "Recovered: transactions was stale"]
        assert all_.titles == lists.titles


def test_what_waits_for_the_morning_is_heard_at_night_once_it_hits_what_cannot_wait(
    connection: ServingConnection,
) -> None:
    with http_receiver() as hook:
        settings = settings_of(
            {
                "channels": {"hook": {"url": hook.url}},
                "quiet_hours": {"start": "22:00", "end": "07:00", "escalate_subjects": ["recommendations"]},
            },
            freshness=SOONER | {"predictions": {"warn_after": "24h", "error_after": "27h"}},
        )
        set_up(connection, settings, day=DAY, created=at("01 00:00"))
        tell(connection, settings, at("19 01:00"))
        assert hook.titles == []
        tell(connection, settings, at("19 03:30"))
        assert hook.titles == ["ERROR: transactions is stale"]
        tell(connection, settings, at("19 07:30"))
        assert hook.titles == ["ERROR: transactions is stale"]
