"""The lake: whole files or none, and messages that name what is missing."""

import errno
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ml_assets.errors import UserError
from ml_assets.lake import Lake

FRAME = pl.DataFrame({"a": [1, 2], "b": ["x", None]})


def test_a_frame_comes_back_as_it_was_written(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.write("items", FRAME)
    lake.write("transactions", FRAME, "2024-05-31")
    assert_frame_equal(lake.read("items"), FRAME)
    assert_frame_equal(lake.read("transactions", "2024-05-31"), FRAME)
    assert lake.partitions("transactions") == ["2024-05-31"]


def test_the_lake_also_lies_in_an_object_store() -> None:
    lake = Lake("memory://lake-test")
    assert not lake.is_local
    lake.write("items", FRAME, "2024-05-31")
    assert lake.partitions("items") == ["2024-05-31"]


def test_a_failed_write_leaves_the_old_file_and_no_debris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path)
    lake.write("items", FRAME)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", fail)
    with pytest.raises(UserError, match=r"items\.parquet cannot be written: No space left on device\. Free some space"):
        lake.write("items", FRAME.head(1))
    assert_frame_equal(lake.read("items"), FRAME)
    assert [path.name for path in tmp_path.iterdir()] == ["items.parquet"]


def test_pruning_deletes_what_is_older_and_nothing_else(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for day in ("2024-05-29", "2024-05-30", "2024-05-31"):
        lake.write("interactions", FRAME, day)
        lake.write("transactions", FRAME, day)
    now = datetime.now(UTC)
    assert lake.prune("interactions", date(2024, 5, 31), now=now) == [], "a backfill may be working with them"
    assert lake.prune("interactions", date(2024, 5, 31), now=now + timedelta(days=2)) == ["2024-05-29", "2024-05-30"]
    assert lake.partitions("interactions") == ["2024-05-31"]
    assert len(lake.partitions("transactions")) == 3


def test_a_missing_partition_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"transactions/2024-05-31\.parquet is not in the lake.*Materialize"):
        Lake(tmp_path).read("transactions", "2024-05-31")


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write("items", FRAME)
    path = tmp_path / "items.parquet"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match=r"items\.parquet of the lake is damaged: it is cut short\. Remove it"):
        lake.read("items")
