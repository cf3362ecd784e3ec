"""Frames put aside come back whole, and leave nothing behind."""

import math
from datetime import date
from pathlib import Path

import polars as pl

from ml_assets.spill import ROWS_IN_MEMORY, Spill, SpilledBytes


def test_frames_come_back_by_key_in_their_order_with_columns_that_were_empty(tmp_path: Path) -> None:
    aside: Spill[str] = Spill(tmp_path)
    one = pl.DataFrame({"n": [1, 2], "text": ["a", None], "none": pl.Series([None, None], dtype=pl.String)})
    two = pl.DataFrame({"n": [3], "text": pl.Series([None], dtype=pl.String), "none": ["now there"]})
    for key, frame in (("x", one), ("y", two), ("x", two), ("z", one.clear())):
        aside.add(key, frame)
    assert [frame.rows() for frame in aside.read("x")] == [one.rows(), two.rows()]
    assert pl.concat(aside.read("x")).schema == one.schema
    assert aside.read("z")[0].equals(one.clear())
    assert aside.read("never put there") == []
    assert aside.rows == {"x": 3, "y": 1, "z": 0}


def test_what_does_not_fit_into_memory_lies_in_a_file_without_a_name(tmp_path: Path) -> None:
    aside: Spill[int] = Spill(tmp_path)
    day = date(2024, 5, 1)
    noise = pl.select(n=pl.int_range(1_000_000).hash(1)).with_columns(m=pl.col("n").hash(2), day=day, zero=-0.0)
    same = pl.DataFrame({"text": ["a", "a"], "none": pl.Series([None, None], dtype=pl.Float64)})
    for key in range(6):
        aside.add(key, noise)
        aside.add(-1, same.head(key % 3))
    assert noise.height * 6 > ROWS_IN_MEMORY
    assert aside.size > 0
    assert list(tmp_path.iterdir()) == []
    for key in range(6):
        (read,) = aside.read(key)
        assert read.equals(noise)
        assert (1 / read["zero"] == -math.inf).all()
    whole = pl.concat(aside.read(-1))
    assert whole.equals(pl.concat([same] * 3))
    assert whole.schema == same.schema


def test_what_is_taken_is_there_no_more_and_takes_no_memory(tmp_path: Path) -> None:
    aside: Spill[str] = Spill(tmp_path)
    frame = pl.DataFrame({"n": pl.int_range(ROWS_IN_MEMORY // 2, eager=True)})
    for _ in range(5):
        aside.add("x", frame)
        assert [one.rows() for one in aside.take("x")] == [frame.rows()]
    assert aside.read("x") == aside.take("x") == []
    assert aside.rows == {}
    assert aside.size == 0


def test_bytes_come_back_by_key_from_a_file_without_a_name(tmp_path: Path) -> None:
    aside: SpilledBytes[int] = SpilledBytes(tmp_path)
    contents = {1: b"one", 2: b"", 3: bytes(range(256)) * 20_000}
    for key, content in contents.items():
        aside.add(key, content)
    assert list(tmp_path.iterdir()) == []
    assert {key: aside.read(key) for key in contents} == contents
    assert (3 in aside, 4 in aside) == (True, False)
