"""Good lines of a history come back by day, whole and in their order, wherever they lay meanwhile."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_assets.events.good_lines import GoodLines
from ml_assets.sources.base import by_day

FIRST = date(2024, 5, 1)
BLOCKS = st.lists(st.tuples(st.lists(st.integers(0, 3), max_size=4), st.booleans()), max_size=5)


def block(days: list[int], begin: int) -> pl.DataFrame:
    when = [FIRST + timedelta(days=day) for day in days]
    numbers = list(range(begin, begin + len(days)))
    return pl.DataFrame({"source_day": when, "n": numbers}, schema={"source_day": pl.Date, "n": pl.Int64})


def most(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.filter(pl.col("n") % 4 > 0)


def taken(folder: Path, blocks: list[tuple[list[int], bool]]) -> tuple[GoodLines, list[int], pl.DataFrame]:
    """Blocks of days, some of which can be had again; how often each was, and all their good lines."""
    found, asked, good = GoodLines(folder, most), [0] * len(blocks), [most(block([], 0))]

    def counted(number: int, lines: pl.DataFrame) -> Callable[[], pl.DataFrame]:
        def again() -> pl.DataFrame:
            asked[number] += 1
            return lines

        return again

    for number, (days, comes_again) in enumerate(blocks):
        lines = block(days, 100 * number + 1)
        good.append(most(lines))
        found.add(by_day(good[-1], "source_day"), counted(number, lines) if comes_again else None)
    return found, asked, pl.concat(good)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BLOCKS)
def test_each_day_has_its_lines_in_the_order_in_which_they_came(
    tmp_path: Path, blocks: list[tuple[list[int], bool]]
) -> None:
    found, asked, good = taken(tmp_path, blocks)
    expected = by_day(good, "source_day")
    assert found.rows == {day: part.height for day, part in expected.items()}
    for day in sorted(expected):
        assert pl.concat(found.read(day))["n"].to_list() == expected[day]["n"].to_list()
    # Read in the order of the days no block is made twice, however its days lie.
    assert max(asked, default=0) <= 1


def test_blocks_that_follow_one_another_are_made_once_more_and_others_put_aside(tmp_path: Path) -> None:
    blocks = [([0, 0, 1, 1], True), ([1, 1, 2, 2], True), ([0, 0, 5, 5], True), ([3, 3], True), ([6, 6], True)]
    found, asked, good = taken(tmp_path, blocks)
    for day in sorted(good["source_day"].unique()):
        found.read(day)
    assert asked == [1, 1, 0, 0, 1]
    assert found.read(FIRST + timedelta(days=9)) == []
