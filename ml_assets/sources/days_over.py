"""Which days are over at a line of a history: no line after it is of one of them.

A shop's lines mostly lie in the order of their days, and a day that is over can be worked on while later ones are read.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import accumulate

Course = tuple[tuple[int, date], ...]
"""Of each block of a file the lines up to its end, and the earliest day of all lines after that; date.max: none."""


def course(blocks: Sequence[tuple[int, date]]) -> Course:
    """The course of blocks of some lines each, with their earliest days (date.max where none has a day)."""
    ends = accumulate(lines for lines, _ in blocks)
    return tuple(zip(ends, earliest_after(day for _, day in blocks), strict=True))


def earliest_after(days: Iterable[date]) -> list[date]:
    """Of each place in a sequence the earliest day behind it; date.max at the last."""
    return list(accumulate([date.max, *reversed(list(days))], min))[-2::-1]


def earliest_in(course: Course, lines: int) -> date:
    """The earliest day after the first `lines` lines, or one before it: blocks are not looked into."""
    at = bisect_right(course, lines, key=lambda block: block[0]) - 1
    return course[at][1] if at >= 0 else date.min
