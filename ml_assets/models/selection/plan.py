"""Which stretches of a shop's past methods are judged on, and which they learn from.

Dates only. Window i ends where window i - 1 begins, so that a method judged on one has learned from older ones alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

LEAST_HISTORY = timedelta(days=28)
"""Days of history before a cut-off without which its figures mean nothing."""

LESSONS = 3
"""Windows that a combination learns from; older ones speak of another season."""


@dataclass(frozen=True)
class Plan:
    """Windows, newest first: window i covers `days` days from `cutoffs[i]` on."""

    cutoffs: tuple[date, ...]
    horizons: tuple[int, ...]
    """The horizons that fit, ascending."""

    @property
    def days(self) -> int:
        """Length of a window."""
        return max(self.horizons)


def plan_windows(first_day: date, through: date, horizons: Sequence[int], wanted: int) -> Plan | None:
    """At most `wanted` windows that end on `through`, plus those that their combinations learn from.

    Horizons too long for the history are left out; None where not even the shortest has a window.
    """
    for longest in sorted(horizons, reverse=True):
        newest = through + timedelta(days=1 - longest)
        fitting = [
            newest - timedelta(days=longest * number)
            for number in range(windows_for(wanted, learns=True))
            if newest - timedelta(days=longest * number) - first_day >= LEAST_HISTORY
        ]
        if fitting:
            return Plan(tuple(fitting), tuple(sorted(horizon for horizon in set(horizons) if horizon <= longest)))
    return None


def windows_for(validated: int, *, learns: bool) -> int:
    """How many windows it takes to judge on so many of them.

    The oldest that judges leaves one lesson less than the others: a window more costs as much as all else that is
    learned from one.
    """
    return validated + (LESSONS - 1 if learns else 0)
