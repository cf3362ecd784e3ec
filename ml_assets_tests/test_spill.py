"""Frames put aside come back whole, and leave nothing behind."""

from pathlib import Path

import polars as pl

from ml_assets.spill import IN_MEMORY, Spill


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
    noise = pl.select(n=pl.int_range(1_000_000).hash(1)).with_columns(m=pl.col("n").hash(2))
    for key in range(6):
        aside.add(key, noise)
    assert noise.estimated_size() * 6 > IN_MEMORY
    assert list(tmp_path.iterdir()) == []
    assert aside.read(5)[0].equals(noise)
