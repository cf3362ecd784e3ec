"""What goes wrong while telling: channels that fail, two evaluators at once, a dead Dagster, a dead database."""

import logging
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from ml_assets.alerts.judge.evaluate import evaluate
from ml_assets.alerts.message import Message
from ml_assets.alerts.send.channels import send
from ml_assets.alerts.send.deliver import deliver
from ml_assets.alerts.watch.metrics import Metrics
from ml_assets.alerts.watch.watch import watch_round
from ml_assets.contract.migrate import migrate
from ml_assets.database.connection import ServingConnection
from ml_assets.database.embedded.server import start_embedded, stop_embedded
from ml_assets.database.names import Schemas
from ml_assets_tests.alerts.receivers import http_receiver, smtp_receiver
from ml_assets_tests.alerts.shops import failing, set_up, settings_of, tell
from ml_assets_tests.conftest import short_lived_home

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
YEAR = timedelta(days=365)
FAILED = failing("weekly_training", "run")


def messages(connection: ServingConnection) -> list[tuple[str, str, str]]:
    query = "SELECT channel, event, state FROM ml_meta.messages ORDER BY message_id"
    return connection.execute(query).fetchall()


@pytest.mark.parametrize("behaviour", [500, 404, "hang", "drip", "redirect"])
def test_a_channel_that_fails_is_tried_again_then_passed_on_and_reported(
    connection: ServingConnection, behaviour: str | int
) -> None:
    with http_receiver() as hook, smtp_receiver() as mail:
        channels = {"hook": {"url": hook.url, "fallback": "mail"}, "mail": {"url": mail.url}}
        settings = settings_of({"channels": channels})
        set_up(connection, settings, day=date(2026, 3, 17), created=NOW - YEAR)
        hook.behaviour = behaviour
        started = time.monotonic()
        tell(connection, settings, NOW, FAILED, seconds=1.0)
        # However slowly it answers, nobody else waits for it.
        assert time.monotonic() - started < 15
        assert messages(connection) == [("hook", "opened", "queued")]
        tell(connection, settings, NOW + MINUTE, FAILED, seconds=1.0)
        assert mail.titles == ["ERROR: weekly_training run failed"]
        tell(connection, settings, NOW + 2 * MINUTE, FAILED, seconds=1.0)
        assert mail.titles[1:] == ["ERROR: channel hook does not deliver"]
        # A redirected POST would arrive as a GET, with status 200 and without the message.
        assert {method for method, _ in hook.requests} == {"POST"}
        # The end goes where the beginning was heard.
        hook.behaviour = "ok"
        for minute in (3, 4, 5):
            tell(connection, settings, NOW + minute * MINUTE, seconds=1.0)
        assert mail.titles[2:] == ["Recovered: weekly_training run had failed"]
        assert hook.titles == []
        # The next message gets through, which ends the channel's own incident.
        tell(connection, settings, NOW + 10 * MINUTE, failing("daily_scoring", "run"), seconds=1.0)
        assert hook.titles == ["ERROR: daily_scoring run failed"]
        for minute in (11, 12):
            tell(connection, settings, NOW + minute * MINUTE, failing("daily_scoring", "run"), seconds=1.0)
        assert mail.titles[3:] == ["Recovered: channel hook did not deliver"]


def test_without_a_fallback_a_message_is_tried_until_it_arrives(connection: ServingConnection) -> None:
    with http_receiver() as hook:
        settings = settings_of({"channels": {"hook": {"url": hook.url}}})
        set_up(connection, settings, day=date(2026, 3, 17), created=NOW - YEAR)
        hook.behaviour = 503
        for minute in range(10):
            tell(connection, settings, NOW + minute * MINUTE, FAILED)
        # Waits grow: half a minute, one, two, four, eight.
        assert len(hook.requests) == 5
        hook.behaviour = "ok"
        tell(connection, settings, NOW + timedelta(hours=2), FAILED)
        assert hook.titles[0] == "ERROR: weekly_training run failed"


def test_a_sender_that_dies_after_sending_sends_again_and_never_loses(connection: ServingConnection) -> None:
    with http_receiver() as hook:
        settings = settings_of({"channels": {"hook": {"url": hook.url}}})
        set_up(connection, settings, day=date(2026, 3, 17), created=NOW - YEAR)
        tell(connection, settings, NOW)
        evaluate(connection, settings, now=NOW, evaluator="sensor")
        # Dead between evaluating and sending: the message waits in the outbox for whoever comes next.
        from ml_assets.alerts.finding import Collected

        evaluate(connection, settings, now=NOW, evaluator="sensor", extra=Collected.of([FAILED], "dagster"))
        assert hook.titles == []
        deliver(connection, settings, now=NOW + MINUTE)
        assert hook.titles == ["ERROR: weekly_training run failed"]


def test_two_evaluators_at_once_send_one_message(connection: ServingConnection, postgres_url: str) -> None:
    with http_receiver() as hook:
        settings = settings_of({"channels": {"hook": {"url": hook.url}}})
        set_up(connection, settings, day=date(2026, 3, 10), created=NOW - YEAR)

        def evaluator(number: int) -> int:
            with ServingConnection.open(postgres_url, Schemas()) as own:
                judged = evaluate(own, settings, now=NOW, evaluator="sensor" if number % 2 else "watch")
                deliver(own, settings, now=NOW)
                return len(judged.events)

        with ThreadPoolExecutor(6) as pool:
            told = list(pool.map(evaluator, range(6)))
    assert sum(told) == 1
    assert hook.titles == ["ERROR: transactions is stale"]


def test_when_the_daemon_is_dead_watch_tells_it_and_what_it_makes_stale(
    connection: ServingConnection, postgres_url: str, tmp_path: Path
) -> None:
    with http_receiver() as hook:
        settings = settings_of(
            {"channels": {"hook": {"url": hook.url}}}, home=tmp_path, database_url=SecretStr(postgres_url)
        )
        set_up(connection, settings, day=date(2026, 3, 17), created=NOW - YEAR)
        tell(connection, settings, NOW)
        # From here on nobody calls the sensor.
        for minutes in (5, 14):
            watch_round(settings, Metrics(""), now=NOW + minutes * MINUTE)
        assert hook.titles == []
        for minutes in (16, 17, 18, 24 * 60, 40 * 60):
            watch_round(settings, Metrics(""), now=NOW + minutes * MINUTE)
        assert hook.titles == ["ERROR: dagster is silent", "Still an ERROR: dagster is silent"][: len(hook.titles)]
        assert "has not run for 16 minutes" in hook.messages[0]["body"]
        # A day later everything is stale, because nothing was computed: a consequence, told with its cause.
        tell(connection, settings, NOW + timedelta(hours=41))
        tell(connection, settings, NOW + timedelta(hours=41, minutes=1))
        assert hook.titles[-1] == "Recovered: dagster was silent"


def test_watch_does_not_end_what_only_dagster_sees(
    connection: ServingConnection, postgres_url: str, tmp_path: Path
) -> None:
    with http_receiver() as hook:
        channels = {"hook": {"url": hook.url}}
        settings = settings_of({"channels": channels}, home=tmp_path, database_url=SecretStr(postgres_url))
        set_up(connection, settings, day=date(2026, 3, 17), created=NOW - YEAR)
        tell(connection, settings, NOW, FAILED)
        for minute in (1, 2, 3):
            watch_round(settings, Metrics(""), now=NOW + minute * MINUTE)
        assert hook.titles == ["ERROR: weekly_training run failed"]


def test_watch_does_not_import_dagster() -> None:
    code = "import sys, ml_assets.alerts.watch.watch, ml_assets.cli.watch; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_killed_database_brings_one_alert_and_one_recovery(tmp_path: Path) -> None:
    with short_lived_home() as home, http_receiver() as hook, http_receiver() as outside:
        url = start_embedded(home)
        with ServingConnection.open(url, Schemas()) as connection:
            migrate(connection, customer_id_type="bigint", item_id_type="bigint", source="files")
        secret = url.replace("postgres@", "postgres:hunter2-secret@")
        settings = settings_of(
            {
                "channels": {"hook": {"url": hook.url}},
                "heartbeat_url": f"http://127.0.0.1:{outside.port}/ping",
            },
            home=tmp_path,
            database_url=SecretStr(secret),
        )
        metrics = Metrics("")
        assert watch_round(settings, metrics).problem is None
        with psycopg.connect(url, autocommit=True) as admin:
            pid = admin.execute("SELECT pg_backend_pid()").fetchone()
        assert pid
        stop_embedded(home)
        for _ in range(4):
            assert watch_round(settings, metrics).problem is not None
        assert hook.titles == ["ERROR: database is unreachable"]
        assert "hunter2" not in str(hook.messages)
        assert metrics.registry.get_sample_value("ml_assets_database_up", {"shop": "default"}) == 0
        start_embedded(home)
        for _ in range(4):
            assert watch_round(settings, metrics).problem is None
        assert hook.titles[1:] == ["Recovered: database was unreachable"]
        pings = [path for _, path in outside.requests]
        assert pings == ["/ping", *["/ping/fail"] * 4, *["/ping"] * 4]


def test_no_secret_is_in_the_database_the_messages_or_the_output(
    connection: ServingConnection,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    secrets = ["in-the-settings-4711", "in-a-variable-4712", "in a file/4713", "T0KENTOKEN", "pass-word-4714"]
    monkeypatch.setenv("HOOK_TOKEN", secrets[1])
    (tmp_path / "secret").write_text(secrets[2])
    monkeypatch.setenv("FILE_TOKEN_FILE", str(tmp_path / "secret"))
    with http_receiver() as good:
        channels = {
            "plain": {"url": f"json://127.0.0.1:1/{secrets[0]}"},
            "variable": {"url": "json://user:pass-word-4714@127.0.0.1:1/${HOOK_TOKEN}"},
            "file": {"url": "json://127.0.0.1:1/x?+token=${FILE_TOKEN}"},
            "unset": {"url": "json://127.0.0.1:1/${NOT_SET_ANYWHERE}"},
            "unreadable": {"url": f"slack://{secrets[3]}"},
            "good": {"url": good.url},
        }
        settings = settings_of({"channels": channels})
        set_up(connection, settings, day=date(2026, 3, 17), created=NOW - YEAR)
        with caplog.at_level("DEBUG"):
            for minute in range(4):
                tell(connection, settings, NOW + minute * MINUTE, FAILED)
    tables = connection.execute(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables "
        "WHERE table_schema LIKE 'ml%' AND table_type = 'BASE TABLE'"
    ).fetchall()
    kept = "".join(str(connection.execute(f"SELECT t::text FROM {name} AS t").fetchall()) for (name,) in tables)
    assert "does not deliver" in kept
    assert "NOT_SET_ANYWHERE is not set" in kept or "${NOT_SET_ANYWHERE}" in kept
    output = capfd.readouterr()
    places = {"database": kept, "payload": str(good.messages), "output": output.out + output.err, "log": caplog.text}
    places["settings"] = repr(settings) + str(settings.model_dump())
    for place, text in places.items():
        for secret in secrets:
            assert secret not in text, (place, secret)
    assert os.environ["HOOK_TOKEN"]


def test_what_apprise_logs_holds_no_secret_whoever_listens() -> None:
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    listener = Listener()
    logging.getLogger("apprise").addHandler(listener)
    try:
        send("slack://T0KENTOKEN-4715", Message("Title", "Body", "opened", "error"))
    finally:
        logging.getLogger("apprise").removeHandler(listener)
    assert any("Token (***)" in words for words in heard)
    assert not any("4715" in words for words in heard)


def test_a_database_of_an_older_version_is_called_so_and_not_changed_by_hand(
    connection: ServingConnection, postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_of({}, home=tmp_path, database_url=SecretStr(postgres_url))
    assert watch_round(settings, Metrics("")).problem is None
    connection.execute("DELETE FROM ml_meta.migrations WHERE number = 16")
    found = watch_round(settings, Metrics("")).problem
    assert found is not None
    assert found.code == "database.older"
    assert "is of an older version of ml-assets; it lacks 016_" in found.problem
