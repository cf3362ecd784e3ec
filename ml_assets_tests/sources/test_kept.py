"""Text that takes long to parse is parsed once: what the first look read of it is there for whoever reads it next."""

import json
import os
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source
from ml_assets.sources.files import Files
from ml_assets.sources.kept import KeptLines
from ml_assets.sources.writing_styles import LINES_AT_FIRST

FIRST, TODAY = date(2024, 5, 1), date(2024, 12, 31)
LAST = date(2024, 5, 20)


def source(folder: Path, **more: object) -> Files:
    section = {"kind": "files", "events": str(folder / "lines.csv"), **more}
    found = build_source(Settings.model_validate({"home": folder / "home", "source": section}), today=TODAY)
    assert isinstance(found, Files)
    return found


def write(path: Path, *lines: str, header: str = "customer_id,item_id,occurred_at") -> None:
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")


def write_objects(path: Path, *lines: str) -> None:
    names = ("customer_id", "item_id", "occurred_at")
    objects = [json.dumps(dict(zip(names, (text or None for text in line.split(",")), strict=True))) for line in lines]
    path.write_text("\n".join(objects) + "\n", encoding="utf-8")


def dated(count: int) -> list[str]:
    return [
        f"{number % 50},{number % 7},{FIRST + timedelta(days=number * 20 // count)} 10:00:00" for number in range(count)
    ]


def test_what_was_looked_at_is_not_read_again_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "lines.ndjson"
    write_objects(path, *dated(100), "9,9,never", "x,,2024-05-02 11:00:00", ",1,2025-06-01 00:00:00")
    found = source(tmp_path, events=str(path), where="item_id <> '3' OR item_id IS NULL")
    assert (found.days().first, found.days().last) == (FIRST, LAST)
    seen = found.read_lines(FIRST, LAST)
    was = path.stat()
    # Other values, in a file that looks the same from outside.
    content = path.read_bytes().replace(b" 10:00:00", b" 12:34:56")
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert found.read_lines(FIRST, LAST).equals(seen)
    some = found.read_lines(date(2024, 5, 3), date(2024, 5, 4))
    assert some.equals(seen.filter(pl.col("source_day").is_between(date(2024, 5, 3), date(2024, 5, 4))))
    assert found.read_piece(str(path), FIRST, LAST)[0].equals(seen)
    assert seen.filter(line=101).select("source_day", "unreadable", "detail").row(0) == (LAST, "occurred_at", "never")
    assert seen.filter(pl.col("unreadable") == "where")["item_id"].unique().to_list() == [3]
    write_objects(path, "1,1,2024-05-01 00:00:00")
    assert found.read_lines(FIRST, LAST).height == 1
    # Nothing is remembered beyond the object.
    fresh = source(tmp_path, events=str(path)).read_lines(FIRST, LAST)
    assert fresh.drop("line", "unreadable").equals(found.read_lines(FIRST, LAST).drop("line", "unreadable"))


@pytest.mark.parametrize("late", ["SKU-1", "007"])
def test_an_id_far_down_that_is_no_integer_makes_all_of_them_text(tmp_path: Path, late: str) -> None:
    write(tmp_path / "lines.csv", *dated(LINES_AT_FIRST + 10), f"1,{late},2024-05-20 11:00:00")
    found = source(tmp_path)
    assert (found.id_types().customer, found.id_types().item) == ("bigint", "text")
    lines = found.read_lines(FIRST, LAST)
    assert lines.height == LINES_AT_FIRST + 11
    assert lines["item_id"].unique().sort().to_list() == sorted([*map(str, range(7)), late])
    assert lines["unreadable"].null_count() == lines.height


def test_dates_far_down_that_need_an_order_are_read_in_the_order_that_they_prove(tmp_path: Path) -> None:
    write(tmp_path / "lines.csv", *dated(LINES_AT_FIRST + 10), "1,2,13/05/2024 11:00:00", "1,2,04/05/2024 11:00:00")
    late = source(tmp_path).read_lines(FIRST, LAST).filter(pl.col("line") > LINES_AT_FIRST + 10)
    assert set(late["day"]) == {date(2024, 5, 13), date(2024, 5, 4)}


def test_lines_that_cannot_be_put_aside_are_read_again(tmp_path: Path) -> None:
    (tmp_path / "no folder").write_bytes(b"")
    kept = KeptLines(tmp_path / "no folder")
    kept.begin("a", 1)
    kept.add("a", pl.DataFrame({"day": [FIRST]}))
    kept.end("a")
    assert not kept.has("a", 1)
