"""A database that is down is told, reminded of, escalated and ended, though nothing can be written down in it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from ml_assets.alerts.watch.metrics import Metrics
from ml_assets.alerts.watch.outage import Outage
from ml_assets.alerts.watch.watch import watch_round
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets_tests.alerts.receivers import http_receiver
from ml_assets_tests.alerts.shops import settings_of

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
DOWN = UserError("The server at db does not listen.", "Start it.")


def test_a_long_outage_is_escalated_once_and_reminded_of(tmp_path: Path) -> None:
    with http_receiver() as hook, http_receiver() as boss:
        alerts = {
            "channels": {"hook": {"url": hook.url}, "boss": {"url": boss.url}},
            "escalation": ["boss"],
            "escalate_after": "2h",
            "remind_after": "24h",
        }
        settings = settings_of(alerts, home=str(tmp_path))
        for minutes in (0, 1, 2, 121, 122, 60 * 27, 60 * 27 + 1):
            Outage(settings).failed(DOWN, NOON + timedelta(minutes=minutes))
        assert hook.titles == ["ERROR: database is unreachable", "Still an ERROR: database is unreachable"]
        assert boss.titles == ["ERROR, nobody has acknowledged: database is unreachable"]
        assert "No application can read lists or segments." in hook.messages[0]["body"]
        for hours in (30, 31):
            Outage(settings).worked(NOON + timedelta(hours=hours))
        assert hook.titles[2:] == boss.titles[1:] == ["Recovered: database was unreachable"]


def test_one_failure_between_good_rounds_is_not_told(tmp_path: Path) -> None:
    with http_receiver() as hook:
        settings = settings_of({"channels": {"hook": {"url": hook.url}}}, home=str(tmp_path))
        for minutes in range(0, 8, 2):
            Outage(settings).failed(DOWN, NOON + timedelta(minutes=minutes))
            Outage(settings).worked(NOON + timedelta(minutes=minutes + 1))
        assert hook.titles == []
        for minutes in (10, 11, 13, 15):
            Outage(settings).failed(DOWN, NOON + timedelta(minutes=minutes))
            Outage(settings).worked(NOON + timedelta(minutes=minutes)) if minutes > 11 else None
        assert hook.titles == ["ERROR: database is unreachable"]


def test_what_nobody_took_is_told_again_by_the_cause_of_then(tmp_path: Path) -> None:
    alerts = {"channels": {"hook": {"url": "json://127.0.0.1:1"}}}
    settings = settings_of(alerts, home=str(tmp_path))
    for minutes in (0, 1, 2):
        assert Outage(settings).failed(DOWN, NOON + timedelta(minutes=minutes)) == []
    with http_receiver() as hook:
        settings = settings_of({"channels": {"hook": {"url": hook.url}}}, home=str(tmp_path))
        assert Outage(settings).failed(DOWN, NOON + timedelta(minutes=3), cause="unjudged") == ["hook"]
        assert Outage(settings).failed(DOWN, NOON + timedelta(minutes=4)) == []
        assert hook.titles == ["ERROR: database cannot be judged"]
    for minutes in (5, 6, 7):
        assert Outage(settings).worked(NOON + timedelta(minutes=minutes)) == []
    with http_receiver() as hook:
        settings = settings_of({"channels": {"hook": {"url": hook.url}}}, home=str(tmp_path))
        assert Outage(settings).worked(NOON + timedelta(minutes=8)) == ["hook"]
        assert hook.titles == ["Recovered: database could not be judged"]
        assert "It was open for 8 minutes." in hook.messages[0]["body"]
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_answers_is_not_called_unreachable(
    connection: ServingConnection, postgres_url: str, tmp_path: Path
) -> None:
    with http_receiver() as hook:
        settings = settings_of({"channels": {"hook": {"url": hook.url}}}, home=str(tmp_path))
        settings = settings.model_copy(update={"database_url": SecretStr(postgres_url)})
        connection.execute("ALTER TABLE ml_meta.live RENAME TO lively")
        for _ in range(2):
            watch_round(settings, Metrics(""))
        assert hook.titles == ["ERROR: database cannot be judged"]
        connection.execute("DROP SCHEMA ml, ml_meta, ml_store CASCADE")
        done = watch_round(settings, Metrics(""))
        assert done.problem is not None
        assert "no shop yet" in done.problem.problem
        assert len(hook.titles) == 1
