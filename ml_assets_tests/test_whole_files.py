"""Files appear whole or not at all, and what killed writers leave is told from what is being written."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from ml_assets.errors import UserError
from ml_assets.whole_files import (
    close_to_others,
    is_in_use,
    refused_by_the_system,
    remove_abandoned,
    replacing,
    temporaries,
)
from ml_assets_tests.nobody import as_nobody, opened_to_all

WRITER = """
import sys, time
from pathlib import Path
from ml_assets.whole_files import replacing

with replacing(Path(sys.argv[1]), "Mend it.") as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_file_is_the_old_one_until_it_is_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    with replacing(path, "Mend it.") as file:
        file.write(b"old")
    with replacing(path, "Mend it.") as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
        assert [is_in_use(one) for one in temporaries(tmp_path)] == [True]
        assert remove_abandoned(tmp_path) == []
    assert path.read_bytes() == b"new"
    assert list(temporaries(tmp_path)) == []


def test_an_error_of_the_writer_is_its_own_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), replacing(tmp_path / "a.txt", "Mend it."):
        raise KeyError("x")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_removed_and_what_another_writes_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "a.txt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        (left,) = temporaries(tmp_path)
        assert (is_in_use(left), remove_abandoned(tmp_path)) == (True, [])
        os.kill(writer.pid, signal.SIGKILL)
    assert is_in_use(left) is False
    assert remove_abandoned(tmp_path) == [left]
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_in_one_sentence_whoever_writes(small_disk: Path) -> None:
    frame = pl.DataFrame({"a": range(1_000_000)}).sample(fraction=1, shuffle=True, seed=1)
    for name, write in (("a.parquet", frame.write_parquet), ("a.csv", frame.write_csv)):
        with (
            pytest.raises(UserError, match=rf"{name} cannot be written: No space left on device\. Mend it\.") as told,
            replacing(small_disk / name, "Mend it.") as file,
        ):
            write(file)
        assert told.value.code == "file.not_written"
    assert list(small_disk.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(UserError, match=r"file/a\.txt cannot be written: Not a directory"),
        replacing(tmp_path / "file" / "a.txt", "Mend it."),
    ):
        pass


def test_a_disk_that_is_full_at_any_place_of_a_file_is_told_as_full(small_disk: Path) -> None:
    frame = pl.DataFrame({f"column {number}": range(20) for number in range(200)})
    free = shutil.disk_usage(small_disk).free // 4096 - 1
    told = []
    for pages in range(0, 24, 2):
        (small_disk / "filler").write_bytes(b"x" * 4096 * (free - pages))
        try:
            with replacing(small_disk / "a.parquet", "Mend it.") as file:
                frame.write_parquet(file)
        except UserError as error:
            told.append(error.problem)
        (small_disk / "a.parquet").unlink(missing_ok=True)
    assert 0 < len(told) < 12
    assert all("No space left on device" in words for words in told)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_nobody_else_may_read_what_is_written_unless_they_could_before(tmp_path: Path) -> None:
    path = tmp_path / "home" / "lake" / "a.parquet"
    before = os.umask(0o022)
    try:
        with replacing(path, "Mend it.") as file:
            file.write(b"of customers")
        assert [mode(path), mode(path.parent), mode(path.parent.parent)] == [0o600, 0o700, 0o700]
        path.chmod(0o644)
        with replacing(path, "Mend it.", keep_mode=True) as file:
            file.write(b"for somebody")
        assert mode(path) == 0o644
        with replacing(path, "Mend it.") as file:
            file.write(b"of customers")
        assert mode(path) == 0o600
    finally:
        os.umask(before)


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    folder.mkdir()
    for pass_through, closed in ((True, 0o711), (False, 0o700)):
        folder.chmod(0o755)
        close_to_others(folder, pass_through=pass_through)
        assert mode(folder) == closed
    close_to_others(tmp_path / "nowhere")


@pytest.mark.parametrize("read", [Path.read_bytes, pl.read_parquet, lambda path: pl.scan_parquet(path).collect()])
def test_a_file_that_may_not_be_read_is_named_whoever_finds_it(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = tmp_path / "2024-05-31.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    path.chmod(0)
    opened_to_all(tmp_path)
    with as_nobody(), pytest.raises(OSError, match="denied") as raised:
        read(path)
    told = refused_by_the_system(raised.value)
    assert told is not None
    file = told.problem.removesuffix(" cannot be used: Permission denied.")
    assert str(path).endswith(file.removeprefix("..."))
    assert path.name in file
    assert told.code == "file.not_written"


def test_other_errors_are_not_the_systems() -> None:
    assert refused_by_the_system(ValueError("(os error 13)")) is None
    assert refused_by_the_system(FileNotFoundError(errno.ENOENT, "gone", "file")) is None
    assert refused_by_the_system(OSError("no number")) is None
