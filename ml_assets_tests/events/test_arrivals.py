"""What follows from a look at the source: decided without reading anything."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.events.arrivals import Change, late_days, plan_loads, plan_rebuild
from ml_assets.events.fingerprint import DayContent


def day(number: int) -> date:
    return date(2024, 5, number)


def holds(*days: int, rows: int = 30) -> dict[date, DayContent]:
    return {day(number): DayContent(rows, f"a:{number}-{rows}") for number in days}


def test_a_day_never_loaded_is_missing_unless_it_is_the_newest() -> None:
    plan = plan_loads(holds(1, 2, 3, 4, 5), holds(1, 3), loaded=[day(1), day(3)])
    assert [one.day for one in plan.missing] == [day(2), day(4)]
    assert plan.newest == day(5)
    assert plan.loads == [(day(2), day(2)), (day(4), day(4))]


def test_a_day_is_corrected_when_it_holds_something_else_and_again_when_that_is_taken_back() -> None:
    loaded = [day(1), day(2), day(3)]
    first, second = holds(1, 2, 3), holds(1, 3) | holds(2, rows=59)
    there = plan_loads(second, first, loaded=loaded)
    back = plan_loads(first, second, loaded=loaded)
    assert [one.words for one in (*there.corrected, *back.corrected)] == [
        "2024-05-02 was corrected: 30 lines, now 59",
        "2024-05-02 was corrected: 59 lines, now 30",
    ]
    assert plan_loads(first, first, loaded=loaded).loads == []


def test_a_day_that_lost_all_its_lines_is_corrected_unless_nothing_came_after() -> None:
    known, loaded = holds(1, 2, 3, 4), [day(number) for number in (1, 2, 3, 4)]
    plan = plan_loads(holds(1, 3), known, loaded=loaded)
    assert [one.words for one in plan.corrected] == ["2024-05-02 lost all its lines, which were 30"]
    assert [one.day for one in plan.lost] == [day(4)]
    assert plan.loads == [(day(2), day(2))]
    allowed = plan_loads(holds(1, 3), known, loaded=loaded, may_be_empty=True)
    assert ([one.day for one in allowed.corrected], allowed.lost) == ([day(2), day(4)], [])
    # A source of which nothing is left has lost every day.
    assert [one.day for one in plan_loads({}, known, loaded=loaded).lost] == loaded


def test_a_source_that_keeps_its_last_days_only_has_lost_nothing() -> None:
    known, loaded = holds(1, 2, 3, 4), [day(number) for number in (1, 2, 3, 4)]
    plan = plan_loads(holds(3, 4), known, loaded=loaded, held_since=day(3))
    assert (plan.loads, plan.lost) == ([], [])


def test_what_a_killed_load_left_without_a_note_is_loaded_again_and_what_is_older_than_all_notes_is_not() -> None:
    loaded = [day(number) for number in (1, 2, 3, 4)]
    plan = plan_loads(holds(1, 2, 3, 4), holds(2, 4), loaded=loaded, recorded_since=day(2))
    assert [one.day for one in plan.missing] == [day(3)]
    assert plan_loads(holds(1, 2, 3, 4), {}, loaded=loaded).missing == []


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (None, 1, "2024-05-02 arrived late: 1 line"),
        (0, 1200, "2024-05-02 arrived late: 1,200 lines"),
        (1, 30, "2024-05-02 was corrected: 1 line, now 30"),
        (30, 30, "2024-05-02 was corrected: 30 lines as before, with other values"),
    ],
)
def test_a_change_is_told_by_its_lines(before: int | None, now: int, words: str) -> None:
    known = None if before is None else DayContent(before, "a:1")
    assert Change(day(2), known, DayContent(now, "a:2")).words == words


def test_exactly_the_features_that_see_a_change_are_built_again_and_only_the_newest_day_is_scored() -> None:
    built = [day(number) for number in (1, 3, 5, 6, 7, 9)]
    wanted = [day(number) for number in range(5, 10)]
    found = plan_rebuild([day(3)], built=built, wanted=wanted, lookback_days=5)
    # The third sees it too, but is not wanted; the ninth looks back to the fifth only.
    assert (found.features, found.newest) == ([day(7), day(6), day(5)], None)
    found = plan_rebuild([day(6)], built=built, wanted=wanted, lookback_days=5)
    assert (found.features, found.newest) == ([day(7), day(6)], day(9))
    assert plan_rebuild([day(10)], built=built, wanted=wanted, lookback_days=5).features == []


@given(st.sets(st.integers(1, 28)), st.sets(st.integers(1, 28)), st.integers(1, 10))
def test_nothing_that_sees_no_change_is_built_again(changed: set[int], built: set[int], lookback: int) -> None:
    days = {day(number) for number in built}
    found = plan_rebuild(map(day, changed), built=days, wanted=days, lookback_days=lookback)
    again = {*found.features, *([found.newest] if found.newest else [])}
    sees = {one for one in days if any(timedelta() <= one - day(number) < timedelta(lookback) for number in changed)}
    assert again == sees


def test_a_day_comes_late_where_features_of_a_later_day_should_have_seen_it() -> None:
    built = [day(5)]
    assert late_days(holds(4, 5, 6), built, lookback_days=3) == [day(4)]
    assert late_days(holds(2), built, lookback_days=3) == []
    # A closed day changes nothing.
    assert late_days(holds(4, rows=0), built, lookback_days=3) == []
