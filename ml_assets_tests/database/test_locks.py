"""The lock that lets one command of a shop work at a time, and what is said of every wait for a lock."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import psycopg
import pytest

from ml_assets.database import waits
from ml_assets.database.connection import ServingConnection, connect
from ml_assets.database.locks import one_at_a_time
from ml_assets.database.names import Schemas
from ml_assets.errors import PassingError
from ml_assets.settings.shop import Settings
from ml_assets.settings.waiting import WaitingSettings

HOUR = timedelta(hours=1)


@pytest.fixture
def connections(postgres_url: str) -> Iterator[tuple[ServingConnection, ServingConnection]]:
    """Two sessions of one shop."""
    with (
        closing(ServingConnection.open(postgres_url, Schemas())) as first,
        closing(ServingConnection.open(postgres_url, Schemas())) as second,
    ):
        yield first, second


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are told at once."""
    monkeypatch.setattr(waits, "SECONDS_UNTIL_SAID", 0.0)


@contextmanager
def locked(postgres_url: str, table: str) -> Iterator[psycopg.Connection]:
    """A table that somebody keeps to himself."""
    with psycopg.connect(postgres_url, application_name="pgAdmin") as holder:
        holder.execute(f"CREATE TABLE {table} (a integer)")
        holder.commit()
        holder.execute(f"LOCK TABLE {table}")
        yield holder


@pytest.mark.usefixtures("impatient")
def test_a_second_command_waits_and_says_for_whom(
    connections: tuple[ServingConnection, ServingConnection], caplog: pytest.LogCaptureFixture
) -> None:
    events: list[str] = []
    first, second = connections

    def follow() -> None:
        with one_at_a_time(second, "run", HOUR):
            events.append("second works")

    thread = threading.Thread(target=follow)
    with caplog.at_level(logging.WARNING, "ml_assets"), one_at_a_time(first, "run", HOUR):
        thread.start()
        while not caplog.messages:
            thread.join(0.01)
        events.append("first works")
    thread.join(10)
    assert events == ["first works", "second works"]
    assert caplog.messages[0].startswith(
        "Waiting for another command that works on this shop: "
        f"ml_assets, process {os.getpid()} (session {first.info.backend_pid} of "
    )
    assert ", since 20" in caplog.messages[0]


def test_a_command_gives_up_after_a_while_and_can_still_be_used(
    connections: tuple[ServingConnection, ServingConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "SECONDS_UNTIL_SAID", 0.0)
    first, second = connections
    with (
        one_at_a_time(first, "run", HOUR),
        pytest.raises(PassingError, match=r"Waited 3s in vain.* \(session \d+ of .* holds the lock.*waiting.command"),
        one_at_a_time(second, "run", timedelta(seconds=3)),
    ):
        pass
    with one_at_a_time(second, "run", HOUR):
        assert second.execute("SHOW lock_timeout").fetchone() == ("30min",)


@pytest.mark.usefixtures("impatient")
def test_any_statement_that_waits_says_for_which_table_and_for_whom_and_gives_up(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(database_url=postgres_url, waiting=WaitingSettings(lock=timedelta(seconds=3)))

    def read() -> None:
        with connect(settings) as connection:
            connection.execute("SELECT * FROM public.orders")

    with locked(postgres_url, "orders"), pytest.raises(PassingError, match=r"waiting\.lock") as refused:
        read()
    (said,) = caplog.messages
    assert "Waiting for the database: pgAdmin (session " in said
    assert said.endswith("holds the lock on public.orders.")
    assert refused.value.code == "database.busy"
    assert "pgAdmin" in refused.value.problem


class Interrupted(BaseException):
    """Dagster has such an exception of its own, which psycopg does not know."""


def test_an_interruption_that_is_no_ctrl_c_ends_the_statement_in_the_server_too(
    connections: tuple[ServingConnection, ServingConnection], postgres_url: str
) -> None:
    def interrupt(*_: object) -> None:
        raise Interrupted

    first, second = connections
    pid, before = first.info.backend_pid, signal.signal(signal.SIGUSR1, interrupt)
    with locked(postgres_url, "orders"):
        threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGUSR1]).start()
        try:
            with pytest.raises(Interrupted):
                first.execute("SELECT * FROM public.orders")
        finally:
            signal.signal(signal.SIGUSR1, before)
        while second.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone():
            time.sleep(0.01)


def test_another_shop_does_not_wait(postgres_url: str) -> None:
    first, second = (ServingConnection.open(postgres_url, Schemas(name)) for name in ("", "books"))
    with one_at_a_time(first, "run", HOUR), one_at_a_time(second, "run", timedelta(seconds=1)):
        pass
    first.close()
    second.close()


def test_a_killed_command_leaves_no_lock(connections: tuple[ServingConnection, ServingConnection]) -> None:
    first, second = connections

    def work() -> None:
        with one_at_a_time(first, "run", HOUR):
            second.execute("SELECT pg_terminate_backend(%s)", [first.info.backend_pid])
            first.execute("SELECT 1")

    with pytest.raises(psycopg.errors.AdminShutdown):
        work()
    with one_at_a_time(second, "run", timedelta(seconds=10)):
        pass
