"""Dagster keeps its tables in its own schema of the serving database, and waits for it as we do."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import psutil
import psycopg
import psycopg2
import pytest
import yaml
from dagster_postgres.utils import retry_pg_connection_fn
from psycopg2.extensions import set_wait_callback
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from ml_assets.dagster.instance import open_instance
from ml_assets.dagster.storage_faults import storage_faults_explained
from ml_assets.database import waits
from ml_assets.database.connection import plain_url, sqlalchemy_url
from ml_assets.database.embedded.postmaster import processes_in
from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings
from ml_assets_tests.conftest import short_lived_home


@dg.asset
def thing() -> int:
    """Something to materialize."""
    return 1


def test_an_instance_creates_and_uses_its_tables_in_the_schema(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_URL", sqlalchemy_url(Settings(database_url=SecretStr(postgres_url))))
    config = {"storage": {"postgres": {"postgres_url": {"env": "STORAGE_URL"}}}, "telemetry": {"enabled": False}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert dg.materialize([thing], instance=instance).success
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_latest_materialization_event(dg.AssetKey("thing")) is not None
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute(
            "SELECT schemaname, array_agg(tablename::text) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') GROUP BY 1"
        ).fetchall()
    assert [schema for schema, _ in tables] == ["dagster"]
    assert {"runs", "event_logs", "asset_keys", "instigators", "alembic_version"} <= set(tables[0][1])


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance on a server of its own, as commands open it."""
    for variable in ("DAGSTER_HOME", "DAGSTER_STORAGE_URL", "DATABASE_URL"):
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    try:
        with short_lived_home() as home, open_instance(Settings(home=home)) as opened:
            yield opened
    finally:
        set_wait_callback(None)


@contextmanager
def frozen(home: Path) -> Iterator[None]:
    """Every process of the server in a home is stopped for a `with` block, as when its machine or disk hangs."""
    stopped: set[psutil.Process] = set()
    try:
        # Again until there is no other: the postmaster may be starting one while they are listed.
        while running := set(processes_in(home / "postgres")) - stopped:
            for process in running:
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
            stopped |= running
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def test_a_server_that_answers_nobody_is_said_and_given_up_and_asked_again_when_it_is_back(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(waits, "SECONDS_UNTIL_SAID", 0.0)
    monkeypatch.setattr(waits, "SECONDS_UNTIL_SAID_AGAIN", 0.0)
    monkeypatch.setattr(waits, "SECONDS_TO_ANSWER", 2)
    monkeypatch.setattr(waits, "SECONDS_WITHOUT_ANSWER", 0.0)
    home = Path(instance.root_directory).parent
    assert instance.get_runs() == []
    with (
        caplog.at_level(logging.WARNING, "ml_assets"),
        frozen(home),
        pytest.raises(UserError, match="connection to the database was lost"),
        storage_faults_explained(),
    ):
        instance.get_runs()
    assert "The database has not answered for" in caplog.text
    assert instance.get_runs() == []


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("could not write init file: No space left on device", "no space left on its disk"),
        ("the database system is shutting down", "connection to the database was lost"),
    ],
)
def test_a_storage_that_refuses_sessions_while_it_is_opened_is_told(reason: str, words: str) -> None:
    """Dagster tries some times, and then says of its own no more than that."""

    def connect() -> None:
        raise OperationalError("", None, psycopg2.OperationalError(f"FATAL:  {reason}\n"))

    with pytest.raises(UserError, match=words) as caught, storage_faults_explained():
        retry_pg_connection_fn(connect, retry_limit=1, retry_wait=0.01)
    assert reason in str(caught.value)


def test_who_holds_up_the_storage_is_said(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(waits, "SECONDS_UNTIL_SAID", 0.0)
    url = plain_url(os.environ["DAGSTER_STORAGE_URL"])
    asking = threading.Thread(target=instance.get_runs)
    with psycopg.connect(url, application_name="pgAdmin") as holder, caplog.at_level(logging.WARNING, "ml_assets"):
        holder.execute("LOCK TABLE dagster.runs")
        asking.start()
        while asking.is_alive() and "pgAdmin" not in caplog.text:
            asking.join(0.05)
    asking.join(30)
    assert "Waiting for the database: pgAdmin" in caplog.text
    assert "holds the lock on dagster.runs" in caplog.text
