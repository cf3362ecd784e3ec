"""Erasing while runs are at work: nothing they load is lost, and nothing they write brings the person back."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from ml_assets.books.erased import erasure_waits, without_erased
from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas
from ml_assets.erasure.erase import erase
from ml_assets.errors import UserError
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets.whole_files import temporaries

DAY = "2026-01-05"
LINES = pl.DataFrame({"customer_id": [1, 2, 2], "item_id": [11, 12, 13]})
CORRECTED = pl.DataFrame({"customer_id": [1, 2, 2, 3], "item_id": [11, 12, 13, 14]})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def lake(settings: Settings) -> Lake:
    made = Lake.of(settings)
    made.write("transactions", LINES, DAY)
    return made


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[threading.Thread]:
    """Work in a thread that has ended when the block has."""
    thread = threading.Thread(target=work)
    thread.start()
    yield thread
    thread.join(20)
    assert not thread.is_alive()


def load(url: str, lake: Lake, frame: pl.DataFrame) -> None:
    """What the step of a run does, whoever started it."""
    with (
        closing(ServingConnection.open(url, Schemas())) as connection,
        erasure_waits(connection),
    ):
        lake.write("transactions", without_erased(connection, frame), DAY)


def waits(connection: ServingConnection) -> bool:
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'ml_meta.erased_customers'::regclass"
    return connection.execute(query).fetchall() == [(1,)]


def test_a_correction_that_is_loaded_between_read_and_write_of_an_erasure_is_not_lost(
    connection: ServingConnection, postgres_url: str, settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[threading.Thread] = []
    write = Lake.write

    def load_before_the_write(self: Lake, *arguments: object, **more: object) -> None:
        if threading.current_thread() is threading.main_thread():
            loads.append(threading.Thread(target=load, args=(postgres_url, lake, CORRECTED)))
            loads[0].start()
            with closing(ServingConnection.open(postgres_url, Schemas())) as watcher:
                while loads[0].is_alive() and not waits(watcher):
                    loads[0].join(0.01)
        write(self, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Lake, "write", load_before_the_write)
    erase(connection, settings, "2", verify=False)
    loads[0].join(20)
    assert lake.read("transactions", DAY).rows() == [(1, 11), (3, 14)]


def test_who_read_before_the_erasure_and_writes_after_it_leaves_the_person_out(
    connection: ServingConnection, postgres_url: str, settings: Settings, lake: Lake
) -> None:
    read = lake.read("transactions", DAY)
    erase(connection, settings, "2", verify=False)
    load(postgres_url, lake, read)
    assert erase(connection, settings, "2", verify=True).removed == {}


def test_an_erasure_waits_for_files_being_written_by_those_who_do_not_know_of_it(
    connection: ServingConnection, postgres_url: str, settings: Settings, lake: Lake
) -> None:
    with closing(ServingConnection.open(postgres_url, Schemas())) as run, erasure_waits(run):
        known = without_erased(run, CORRECTED)
        with meanwhile(partial(erase, connection, settings, "2", verify=False)) as erasing:
            with closing(ServingConnection.open(postgres_url, Schemas())) as watcher:
                while erasing.is_alive() and not waits(watcher):
                    erasing.join(0.01)
            lake.write("transactions", known, DAY)
            run.execute("COMMIT")
    assert lake.read("transactions", DAY).rows() == [(1, 11), (3, 14)]


def test_runs_write_beside_each_other(connection: ServingConnection, postgres_url: str) -> None:
    with closing(ServingConnection.open(postgres_url, Schemas())) as other:
        connection.execute("SET lock_timeout = '5s'")
        with erasure_waits(other), erasure_waits(connection):
            pass


KILLED = """
import os, sys
import polars as pl
from ml_assets.lake import Lake

lake = Lake(sys.argv[1])
frame = pl.DataFrame({"customer_id": [1, 2], "item_id": [11, 12]})
lake.write("interactions", frame, "2026-01-06", ready=lambda: os.kill(os.getpid(), 9))
"""


def test_what_a_killed_writer_left_of_a_person_is_removed(
    connection: ServingConnection, settings: Settings, lake: Lake
) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(lake.root)], check=False)
    exports = settings.home / "exports"
    exports.mkdir()
    (exports / ".lists-0badcafe.tmp").write_text("customer_id,item_id\n2,12\n")
    assert len(list(temporaries(settings.home))) == 2
    erase(connection, settings, "2", verify=True)
    assert list(temporaries(settings.home)) == []


@pytest.mark.parametrize(("whole", "customer"), [(True, "2"), (False, "2")])
def test_a_search_looks_into_files_that_killed_writers_left(
    connection: ServingConnection,
    settings: Settings,
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
    whole: bool,
    customer: str,
) -> None:
    monkeypatch.setattr("ml_assets.erasure.erase.remove_unfinished", lambda *_: None)
    left = Path(str(lake.root)) / "transactions" / ".2026-01-06-0badcafe.tmp"
    LINES.write_parquet(left)
    if not whole:
        os.truncate(left, 100)
    # Of half a file nobody can say that the person is not in it.
    assert erase(connection, settings, customer, verify=True).found == {"lake/transactions": 2 if whole else 1}


def test_a_full_disk_loses_nothing_and_erasing_again_finishes(
    connection: ServingConnection, tmp_path: Path, small_disk: Path
) -> None:
    settings = Settings(home=tmp_path, lake=str(small_disk))
    lake = Lake.of(settings)
    many = pl.DataFrame({"customer_id": range(50_000), "item_id": range(50_000)}).sample(fraction=1, shuffle=True)
    lake.write("transactions", many, DAY)
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free // 4096 * 4096))
    with pytest.raises(UserError, match=rf"{DAY}\.parquet cannot be written: No space left.*erase again") as told:
        erase(connection, settings, "2", verify=True)
    assert told.value.code == "file.not_written"
    assert lake.read("transactions", DAY).height == 50_000
    assert list(temporaries(small_disk)) == []
    filler.unlink()
    receipt = erase(connection, settings, "2", verify=True)
    assert (receipt.removed, receipt.found) == ({"lake/transactions": 1}, {})
    assert lake.read("transactions", DAY).height == 49_999
