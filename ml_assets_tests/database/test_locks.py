"""The lock that lets one command of a shop work at a time."""

import threading

import psycopg
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.database.locks import one_at_a_time
from ml_assets.database.names import Schemas


def test_a_second_command_waits_and_is_told_so(postgres_url: str) -> None:
    events: list[str] = []
    first, second = (ServingConnection.open(postgres_url, Schemas()) for _ in range(2))

    def follow() -> None:
        with one_at_a_time(second, "run", lambda: events.append("waits")):
            events.append("second works")

    thread = threading.Thread(target=follow)
    with one_at_a_time(first, "run", lambda: events.append("never")):
        thread.start()
        while "waits" not in events:
            thread.join(0.01)
        events.append("first works")
    thread.join(10)
    assert events == ["waits", "first works", "second works"]
    first.close()
    second.close()


def test_another_shop_does_not_wait(postgres_url: str) -> None:
    first, second = (ServingConnection.open(postgres_url, Schemas(name)) for name in ("", "books"))
    with one_at_a_time(first, "run", pytest.fail), one_at_a_time(second, "run", pytest.fail):
        pass
    first.close()
    second.close()


def test_a_killed_command_leaves_no_lock(postgres_url: str) -> None:
    first, second = (ServingConnection.open(postgres_url, Schemas()) for _ in range(2))

    def work() -> None:
        with one_at_a_time(first, "run", pytest.fail):
            second.execute("SELECT pg_terminate_backend(%s)", [first.info.backend_pid])
            first.execute("SELECT 1")

    with pytest.raises(psycopg.errors.AdminShutdown):
        work()
    with one_at_a_time(second, "run", pytest.fail):
        pass
    second.close()
