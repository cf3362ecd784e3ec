"""Which stretches of a shop's past methods are judged on, and which they learn from.

Dates only. Window i ends where window i - 1 begins, so that a method judged on one has learned from older ones alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

LEAST_DAYS = 14
"""Days of history below which nothing is judged."""

SHARE_BEFORE = 0.4
"""Of all purchases, the share that lies before every cut-off: with less known of customers, what is judged there says
little of today."""

FEWEST = 3
"""Windows that a history should have room for: two that judge, and one to learn from before each of them. Where it has
not, windows are shorter than what is asked for, because one window judges nothing that learns."""

APART = 1.5
"""How many times as long as another horizon one must be to say something of its own."""

LESSONS = 3
"""Windows that a combination learns from; older ones speak of another season."""


@dataclass(frozen=True)
class Plan:
    """Windows, newest first: window i covers `days` days from `cutoffs[i]` on."""

    cutoffs: tuple[date, ...]
    horizons: tuple[int, ...]
    """The horizons that are judged, ascending: those that fit, and a shorter one in the place of those that do not."""

    @property
    def days(self) -> int:
        """Length of a window."""
        return max(self.horizons)


def plan_windows(earliest: date, through: date, horizons: Sequence[int], wanted: int) -> Plan | None:
    """At most `wanted` windows that end on `through`, plus those that their combinations learn from.

    No cut-off lies before `earliest`. None where there is not a day for each of `FEWEST` windows.
    """
    room = (through - earliest).days + 1
    judged = _horizons(room // FEWEST, horizons)
    if not judged:
        return None
    longest = timedelta(days=max(judged))
    newest = through + timedelta(days=1) - longest
    cutoffs = [newest - longest * number for number in range(windows_for(wanted, learns=True))]
    return Plan(tuple(each for each in cutoffs if each >= earliest), judged)


def _horizons(room: int, asked: Sequence[int]) -> tuple[int, ...]:
    """Those asked for that fit into `room` days; where some do not, `room` itself if it is no other's neighbour."""
    fitting = sorted({horizon for horizon in asked if horizon <= room})
    if len(fitting) < len(set(asked)) and room >= max(APART * max(fitting, default=0), 1):
        fitting.append(room)
    return tuple(fitting)


def windows_for(validated: int, *, learns: bool) -> int:
    """How many windows it takes to judge on so many of them.

    The oldest that judges leaves one lesson less than the others: a window more costs as much as all else that is
    learned from one.
    """
    return validated + (LESSONS - 1 if learns else 0)
