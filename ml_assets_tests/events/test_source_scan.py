"""A look reads only what changed, and sees the same as one that reads everything."""

import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upath import UPath

from ml_assets.events.fingerprint import fingerprint_days
from ml_assets.events.source_scan import SourceScan
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import FilesSource
from ml_assets.sources import mapped
from ml_assets.sources.files import Files
from ml_assets_tests.sources.test_files import COLUMNS, TODAY, frame, source

FIRST, LAST = date(2024, 12, 1), date(2024, 12, 30)
LONG_AGO = 1_700_000_000


class Feed:
    """A folder of files and the memory of the sensor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.memory: str | None = None
        self.clock = LONG_AGO
        (folder / "events").mkdir()

    def write(self, name: str, *times: str, **more: Any) -> Path:
        """A file that was written a minute after the one before."""
        path = self.folder / "events" / f"{name}.parquet"
        frame(ts=list(times), **more).write_parquet(path)
        self.clock += 60
        os.utime(path, (self.clock, self.clock))
        return path

    def look(self, today: date = TODAY, **mapping: Any) -> list[str]:
        """The files that a look reads; what it sees must be what is there."""
        files = source(self.folder, "events", **mapping)
        scan = SourceScan(files, self.memory, today=today)
        assert scan.contents(FIRST, LAST) == fingerprint_days(files.read_lines(FIRST, LAST))
        self.memory = scan.memory
        return sorted(Path(path).stem for path in scan.read)


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    made = Feed(tmp_path)
    made.write("a", "2024-12-01T10:00", "2024-12-02T10:00")
    made.write("b", "2024-12-02T11:00", "never", "2023-01-01T10:00")
    return made


def test_a_look_at_an_unchanged_source_reads_nothing(feed: Feed) -> None:
    assert feed.look() == ["a", "b"]
    assert feed.look() == []


def test_only_the_file_that_changed_is_read(feed: Feed) -> None:
    feed.look()
    feed.write("a", "2024-12-01T10:00", "2024-12-02T10:00", "2024-12-02T10:00")
    assert feed.look() == ["a"]
    feed.write("c", "2024-12-03T10:00")
    assert feed.look() == ["c"]
    (feed.folder / "events" / "b.parquet").unlink()
    assert feed.look() == []


def test_another_content_of_the_same_size_is_read_by_its_time(feed: Feed) -> None:
    feed.look()
    feed.write("a", "2024-12-01T10:00", "2024-12-03T10:00")
    assert feed.look() == ["a"]


def test_another_content_of_the_same_size_and_time_is_seen_the_next_day(feed: Feed) -> None:
    feed.look()
    path = feed.folder / "events" / "a.parquet"
    before = path.stat()
    feed.write("a", "2024-12-01T10:00", "2024-12-03T10:00")
    os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    with pytest.raises(AssertionError):
        feed.look()
    assert feed.look(TODAY + timedelta(days=1)) == ["a", "b"]


def test_a_file_that_was_written_a_moment_ago_is_read_again(feed: Feed) -> None:
    os.utime(feed.folder / "events" / "a.parquet")
    feed.look()
    assert feed.look() == ["a"]


def test_lines_of_no_day_move_to_the_newest_day_of_the_source(feed: Feed) -> None:
    feed.write("undated", "never", "never")
    feed.look()
    feed.write("c", "2024-12-20T10:00")
    assert feed.look() == ["c"]


def test_another_mapping_reads_everything_again(feed: Feed) -> None:
    feed.look()
    columns = {"customer": "user", "item": "sku", "time": "ts", "quantity": "amt", "amount": "q"}
    assert feed.look(columns=columns) == ["a", "b"]


@pytest.mark.parametrize("memory", ["", "nonsense", "{}"])
def test_a_memory_that_cannot_be_read_costs_one_whole_look(feed: Feed, memory: str) -> None:
    feed.memory = memory
    assert feed.look() == ["a", "b"]
    assert feed.look() == []


def test_files_of_an_object_store_have_stamps_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(memory: str | None) -> SourceScan:
        chosen = FilesSource.model_validate({"kind": "files", "events": address, "columns": COLUMNS})
        files = Files(Settings(home=tmp_path / "home", source=chosen), chosen, today=TODAY)
        scan = SourceScan(files, memory, today=TODAY)
        scan.contents(FIRST, LAST)
        return scan

    # Polars has no reader for the store that lives in memory.
    monkeypatch.setattr(mapped, "open_table", lambda path, *_: pl.scan_parquet(UPath(path).read_bytes()))
    address = "memory://shop/scan/*.parquet"
    for name in ("a", "b"):
        frame(ts=["2024-12-02T10:00"]).write_parquet(tmp_path / "one.parquet")
        UPath(f"memory://shop/scan/{name}.parquet").write_bytes((tmp_path / "one.parquet").read_bytes())
    first = look(None)
    assert len(first.read) == 2
    assert look(first.memory).read == []
    UPath("memory://shop/scan/b.parquet").write_bytes((tmp_path / "one.parquet").read_bytes())
    assert [path.rpartition("/")[2] for path in look(first.memory).read] == ["b.parquet"]


TIMES = st.sampled_from(["never", "2023-05-05T10:00", *(f"2024-12-{day:02}T10:00" for day in range(1, 32, 5))])
STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.lists(TIMES, max_size=3)), min_size=1, max_size=5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_to_files_a_look_sees_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, list[str]]]
) -> None:
    feed = Feed(tmp_path_factory.mktemp("feed"))
    feed.write("always", "2024-12-02T11:00")
    for name, times in steps:
        path = feed.folder / "events" / f"{name}.parquet"
        if times:
            feed.write(name, *times)
        else:
            path.unlink(missing_ok=True)
        # Both assertions are in `look`.
        feed.look()
        assert feed.look() == []
