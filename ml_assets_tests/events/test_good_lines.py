"""Good lines of a history come back by day, whole and in their order, wherever they lay meanwhile."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_assets.errors import PassingError
from ml_assets.events.good_lines import Days, GoodLines
from ml_assets.sources.base import by_day
from ml_assets.sources.days_over import earliest_after

FIRST = date(2024, 5, 1)
BLOCKS = st.lists(st.tuples(st.lists(st.integers(0, 3), max_size=4), st.booleans()), max_size=5)


def block(days: list[int], begin: int) -> pl.DataFrame:
    when = [FIRST + timedelta(days=day) for day in days]
    numbers = list(range(begin, begin + len(days)))
    return pl.DataFrame({"source_day": when, "n": numbers}, schema={"source_day": pl.Date, "n": pl.Int64})


def most(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.filter(pl.col("n") % 4 > 0)


def taken(
    folder: Path, blocks: list[tuple[list[int], bool]], over: list[date | None] | None = None
) -> tuple[GoodLines, list[int], pl.DataFrame, Days]:
    """Blocks of days, some of which can be had again; how often each was, all their good lines, and days given back."""
    found, asked, good = GoodLines(folder, most), [0] * len(blocks), [most(block([], 0))]
    back: Days = {}

    def counted(number: int, lines: pl.DataFrame) -> Callable[[], pl.DataFrame]:
        def again() -> pl.DataFrame:
            asked[number] += 1
            return lines

        return again

    for number, (days, comes_again) in enumerate(blocks):
        lines = block(days, 100 * number + 1)
        good.append(most(lines))
        said = over[number] if over else None
        whole = found.add(by_day(good[-1], "source_day"), counted(number, lines) if comes_again else None, said)
        assert not whole.keys() & back.keys()
        assert list(whole) == sorted(whole)
        back |= whole
    return found, asked, pl.concat(good), back


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BLOCKS)
def test_each_day_has_its_lines_in_the_order_in_which_they_came(
    tmp_path: Path, blocks: list[tuple[list[int], bool]]
) -> None:
    found, asked, good, _ = taken(tmp_path, blocks)
    expected = by_day(good, "source_day")
    assert found.rows == {day: part.height for day, part in expected.items()}
    for day in sorted(expected):
        assert pl.concat(found.read(day))["n"].to_list() == expected[day]["n"].to_list()
    # Read in the order of the days no block is made twice, however its days lie.
    assert max(asked, default=0) <= 1


def test_blocks_that_follow_one_another_are_made_once_more_and_others_put_aside(tmp_path: Path) -> None:
    blocks = [([0, 0, 1, 1], True), ([1, 1, 2, 2], True), ([0, 0, 5, 5], True), ([3, 3], True), ([6, 6], True)]
    found, asked, good, _ = taken(tmp_path, blocks)
    for day in sorted(good["source_day"].unique()):
        found.read(day)
    assert asked == [1, 1, 0, 0, 1]
    assert found.read(FIRST + timedelta(days=9)) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_days_that_are_over_are_given_whole_and_once_and_the_others_kept(tmp_path: Path, data: st.DataObject) -> None:
    blocks = data.draw(BLOCKS)
    after = earliest_after(min((FIRST + timedelta(days=day) for day in days), default=date.max) for days, _ in blocks)
    over = [data.draw(st.sampled_from([None, day])) for day in after]
    found, _, good, back = taken(tmp_path, blocks, over)
    latest = max((day for day in over if day), default=date.min)
    expected = by_day(good, "source_day")
    assert back.keys() == {day for day in expected if day < latest}
    assert found.rows == {day: part.height for day, part in expected.items() if day >= latest}
    for day, part in expected.items():
        assert pl.concat(back.get(day) or found.read(day))["n"].to_list() == part["n"].to_list()


def test_lines_of_a_day_that_was_said_to_be_over_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PassingError, match="other lines of 2024-05-01 than when it was looked at"):
        taken(tmp_path, [([0, 1], False), ([0], False)], [FIRST + timedelta(days=1), None])
