"""Alerts from the command line: the rehearsal, what is open, taking it on, muting, testing, watching."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ml_assets.books.freshness import sync_policies
from ml_assets.cli import app as command
from ml_assets.contract.migrate import migrate
from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas
from ml_assets.settings.shop import Settings
from ml_assets_tests.alerts.receivers import Hook, http_receiver
from ml_assets_tests.alerts.shops import arrive, set_up

Run = Callable[..., tuple[int, str]]
ZONES = ("Etc/GMT+12", "UTC", "Etc/GMT-12")


@cache
def zone_at_noon() -> str:
    """A time zone in which it is between six and eighteen, so that no day ends while the tests run."""
    return min(ZONES, key=lambda zone: abs(datetime.now(ZoneInfo(zone)).hour - 12))


def yesterday() -> date:
    return datetime.now(ZoneInfo(zone_at_noon())).date() - timedelta(days=1)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with http_receiver() as receiver:
        yield receiver


@pytest.fixture
def run(
    hook: Hook, postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """`ml-assets ...` on a shop of the built-in data that is fresh as of yesterday."""
    environment = dict(os.environ)
    for variable in environment:
        if variable.startswith(("ML_ASSETS_", "DATABASE_URL", "PG", "DAGSTER_")):
            del os.environ[variable]
    monkeypatch.chdir(tmp_path)
    os.environ["DATABASE_URL"] = postgres_url
    channels = f"alerts: {{channels: {{ops: {{url: '{hook.url}'}}}}}}\nsource: {{replay_start: 2026-01-18}}\n"
    channels += f"timezone: {zone_at_noon()}\n"
    (tmp_path / "ml_assets.yaml").write_text(channels)
    with ServingConnection.open(postgres_url, Schemas()) as connection:
        migrate(connection, customer_id_type="bigint", item_id_type="bigint", source="complete_journey")
        settings = Settings(timezone=zone_at_noon())
        set_up(connection, settings, day=yesterday(), created=datetime.now(UTC) - timedelta(days=400))

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["ml-assets", *arguments])
        code = command.exit_code()
        shown = capfd.readouterr()
        return code, shown.out + shown.err

    yield call
    os.environ.clear()
    os.environ.update(environment)


def test_the_rehearsal_brings_one_alert_and_one_recovery_and_leaves_no_trace(run: Run, hook: Hook) -> None:
    code, shown = run("demo", "break")
    assert code == 0, shown
    assert "ERROR: transactions is stale" in shown
    assert "A rehearsal: the clock is 3 days ahead" in shown
    assert "7 subjects are stale and one message tells it: 6 follow from the feed." in shown
    code, shown = run("status")
    assert code == 2
    assert "ml-assets demo fix" in shown
    assert "already stopped" in run("demo", "break")[1]
    code, shown = run("demo", "fix")
    assert code == 0, shown
    assert "Recovered: transactions was stale" in shown
    kept = [json.loads(line)["title"] for line in Path(".ml_assets/inbox.jsonl").read_text().splitlines()]
    assert kept == ["ERROR: transactions is stale", "Recovered: transactions was stale"]
    assert run("status")[0] == 0
    assert "The feed is not stopped" in run("demo", "fix")[1]
    # The team's own channel hears nothing of a rehearsal.
    assert hook.requests == []


def test_a_shop_with_data_of_its_own_is_not_rehearsed_on(run: Run) -> None:
    Path("ml_assets.yaml").write_text("source: {kind: files, events: events.csv}")
    code, shown = run("demo", "break")
    assert code == 1
    assert "work on the built-in data only" in shown


def stale(url: str) -> None:
    with ServingConnection.open(url, Schemas()) as connection:
        connection.execute("UPDATE ml_meta.observations SET data_as_of = %s", [yesterday() - timedelta(days=5)])


def test_watch_once_tells_and_list_ack_and_mute_act_on_it(run: Run, hook: Hook, postgres_url: str) -> None:
    code, shown = run("watch", "--once", "--textfile", "m.prom")
    assert (code, hook.titles) == (0, []), shown
    stale(postgres_url)
    for _ in range(2):
        assert run("watch", "--once", "--textfile", "m.prom")[0] == 2
    assert hook.titles == ["ERROR: transactions is stale"]
    assert 'ml_assets_status{kind="data",shop="default",subject="transactions"} 2.0' in Path("m.prom").read_text()
    code, shown = run("alerts", "list")
    assert code == 2
    assert "ml-assets alerts ack 1" in shown
    code, shown = run("alerts", "ack", "1", "--by", "ann")
    assert (code, "ann has taken on: transactions is stale" in shown) == (0, True)
    facts = json.loads(run("alerts", "list", "--json")[1])
    assert {fact["subject"]: fact["root"] for fact in facts} == {
        "transactions": None,
        "interactions": "transactions/stale",
        "customer_features": "transactions/stale",
    }
    assert run("alerts", "mute", "transactions", "--until", "2099-01-01")[0] == 0
    assert "Muted until 01 Jan 2099 00:00: transactions" in run("alerts", "list")[1]
    assert "is heard again" in run("alerts", "mute", "transactions", "--hours", "0")[1]
    with ServingConnection.open(postgres_url, Schemas()) as connection:
        arrive(connection, yesterday())
        sync_policies(connection, Settings(timezone=zone_at_noon()))


def test_test_says_which_channel_works(run: Run, hook: Hook) -> None:
    assert run("alerts", "test")[0] == 0
    assert hook.titles == ["Test message"]
    hook.behaviour = 500
    code, shown = run("alerts", "test", "ops")
    assert code == 2
    assert "ops: It answered with status 500." in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("alerts", "ack", "99"), "Incident 99 does not exist"),
        (("alerts", "mute", "recomendations", "--hours", "3"), "There is no subject recomendations"),
        (("alerts", "mute", "transactions"), "A mute needs one end"),
        (("alerts", "mute", "transactions", "--until", "2020-01-01"), "is over"),
        (("alerts", "test", "pager"), "There is no channel pager"),
        (("watch", "--once", "--textfile", "no/such/folder/m.prom"), "does not exist"),
    ],
)
def test_bad_input_says_what_is_allowed(run: Run, arguments: tuple[str, ...], words: str) -> None:
    code, shown = run(*arguments)
    assert code == 1
    assert words in shown
    assert "Next:" in shown


def test_watch_on_a_database_without_a_shop_says_what_to_do_first(run: Run, postgres_url: str, hook: Hook) -> None:
    with ServingConnection.open(postgres_url, Schemas()) as connection:
        for schema in ("ml", "ml_store", "ml_meta"):
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
    code, shown = run("watch", "--once")
    assert code == 1
    assert "Run `ml-assets run` (or `ml-assets demo`) once" in shown
