"""A source says of each block which days are over: no line after it is of one of them, however its lines lie."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_assets.settings.shop import Settings
from ml_assets.sources.base import Block
from ml_assets.sources.build import build_source
from ml_assets.sources.days_over import course, earliest_in
from ml_assets.sources.files import Files

FIRST, TODAY, ROWS = date(2024, 5, 1), date(2024, 12, 31), 5


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("mapped", "kept"):
        monkeypatch.setattr(f"ml_assets.sources.{module}.BLOCK_ROWS", ROWS)


def blocks_of(folder: Path, **more: object) -> list[Block]:
    section = {"kind": "files", "events": str(folder / "*.*"), **more}
    source = build_source(Settings.model_validate({"home": folder / "home", "source": section}), today=TODAY)
    assert isinstance(source, Files)
    return list(source.blocks_again(FIRST, TODAY))


def write(path: Path, days: Sequence[int | None]) -> None:
    times = [None if day is None else f"{FIRST + timedelta(days=day)} 10:00:00" for day in days]
    lines = pl.select(customer_id=1, item_id=2, occurred_at=pl.Series(times, dtype=pl.String))
    lines.write_csv(path) if path.suffix == ".csv" else lines.write_parquet(path)


def assert_true(blocks: list[Block]) -> None:
    for number, block in enumerate(blocks):
        assert block.over is not None
        for later in blocks[number + 1 :]:
            assert later.lines["source_day"].is_null().sum() == 0
            assert later.lines.is_empty() or later.lines["source_day"].min() >= block.over  # type: ignore[operator]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(
    st.lists(st.lists(st.none() | st.integers(0, 9), min_size=1, max_size=20), min_size=1, max_size=3),
    st.sampled_from(["csv", "parquet"]),
)
def test_no_later_line_is_of_a_day_that_is_over(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[int | None]], ending: str
) -> None:
    folder = tmp_path_factory.mktemp("days")
    # One time at least can be read.
    files.append([3])
    for number, days in enumerate(files):
        write(folder / f"{number}.{ending}", days)
    assert_true(blocks_of(folder))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_of_lines_in_the_order_of_their_days_all_but_the_last_are_over_when_the_next_day_comes(
    tmp_path: Path, ending: str
) -> None:
    write(tmp_path / f"lines.{ending}", [number // 4 for number in range(40)])
    write(tmp_path / f"more.{ending}", [10, 11])
    blocks = blocks_of(tmp_path)
    assert_true(blocks)
    assert len(blocks) > 4
    for block in blocks:
        newest = block.lines["source_day"].max()
        assert isinstance(newest, date)
        assert block.over is not None
        assert block.over >= newest


def test_the_course_of_a_file_knows_the_earliest_day_of_what_is_left() -> None:
    days = [FIRST + timedelta(days=day) for day in (0, 4, 2)]
    found = course([(2, days[0]), (3, days[1]), (1, days[2])])
    expected = [date.min, date.min, days[2], days[2], days[2], days[2], date.max]
    assert [earliest_in(found, lines) for lines in range(7)] == expected
    assert earliest_in((), 5) == date.min
