"""Replicas and the write-ahead log: readers of a standby see whole lists, and a full log loses nothing."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from ml_assets.contract.migrate import migrate
from ml_assets.database.connection import ServingConnection, connect
from ml_assets.database.embedded.account import server_account
from ml_assets.database.embedded.server import start_embedded, stop_embedded
from ml_assets.errors import PassingError, UserError
from ml_assets.releases.pointer import roll_back
from ml_assets.settings.shop import Settings
from ml_assets_tests.conftest import short_lived_home
from ml_assets_tests.contract.test_migrate import SHOP
from ml_assets_tests.database.standby import standby_of
from ml_assets_tests.releases.frames import recommendations, release
from ml_assets_tests.releases.reading_crowd import K, crowd, lists, orphans


@contextmanager
def shop(home: Path) -> Iterator[tuple[ServingConnection, str]]:
    """A shop with lists of day 0 on a server of its own."""
    url = start_embedded(home)
    with connect(Settings(home=home)) as connection:
        migrate(connection, **SHOP)
        release(connection, lists(0), k=K)
        yield connection, url


def test_readers_of_a_standby_see_whole_lists_while_the_primary_publishes_and_rolls_back() -> None:
    with short_lived_home() as primary, short_lived_home() as home, shop(primary) as (connection, url):
        standby = standby_of(url, primary, home)
        assert standby != url
        with crowd(standby) as seen:
            for day in range(1, 9):
                assert release(connection, lists(day), day=day, k=K).state == "live"
            _wait_for_day(standby, 8)
            roll_back(connection, "recommendations", to=None, reason="test")
            _wait_for_day(standby, 7)
        assert seen.wrong == []
        assert seen.answers > 50
        with psycopg.connect(standby) as reader, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("DELETE FROM ml_meta.live")


def _wait_for_day(url: str, day: int) -> None:
    deadline = time.monotonic() + 30
    with psycopg.connect(url, autocommit=True) as reader:
        while time.monotonic() < deadline:
            if reader.execute("SELECT DISTINCT item_id / 1000 FROM ml.recommendations").fetchall() == [(day,)]:
                return
            time.sleep(0.05)
    pytest.fail(f"the standby did not show day {day}")


@contextmanager
def log_on_a_small_disk(data: Path, megabytes: int) -> Iterator[Path]:
    """Move the write-ahead log of a stopped server to a small file system."""
    folder = data.with_name("log")
    folder.mkdir()
    options = f"size={megabytes}m,mode=0777"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False) if shutil.which("mount") else None
    if mounted is None or mounted.returncode:
        pytest.skip("a small file system cannot be mounted here (needs root and the right to mount)")
    try:
        shutil.move(data / "pg_wal", folder / "pg_wal")
        account = server_account(data)
        if account:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, account["user"], account["group"])
        (data / "pg_wal").symlink_to(folder / "pg_wal")
        yield folder
    finally:
        stop_embedded(data.parent)
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_of_the_write_ahead_log_costs_the_publication_and_nothing_else() -> None:
    with short_lived_home() as home:
        settings = Settings(home=home)
        with shop(home):
            pass
        stop_embedded(home)
        with log_on_a_small_disk(home / "postgres", 48) as folder:
            url = start_embedded(home)
            with crowd(url) as seen:
                seen.is_down = True
                with pytest.raises((UserError, psycopg.OperationalError)), connect(settings) as connection:
                    release(connection, recommendations(range(30_000), range(1001, 1061)), day=1, k=K)
            assert seen.wrong == []
            subprocess.run(["mount", "-o", "remount,size=1g", str(folder)], check=True)
            start_embedded(home)
            # The server may be on its way down once more.
            for tries_left in reversed(range(20)):
                try:
                    with connect(settings) as connection:
                        shown = connection.execute("SELECT DISTINCT item_id / 1000 FROM ml.recommendations").fetchall()
                        assert shown == [(0,)]
                        assert release(connection, lists(2), day=2, k=K).state == "live"
                        assert orphans(connection) == (set(), set())
                    break
                except PassingError:
                    if not tries_left:
                        raise
                    time.sleep(1)
