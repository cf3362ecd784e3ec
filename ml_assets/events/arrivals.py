"""What the source has and the lake has not: days that arrived, and days that changed.

Only the comparison and the plan belong here; asking for runs is done by `dagster/automation/source_sensor.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from ml_assets.events.fingerprint import DayContent


@dataclass(frozen=True)
class Arrivals:
    """Days to load, in order."""

    new: list[date]
    changed: list[date]


def compare_days(
    seen: Mapping[date, DayContent], known: Mapping[date, DayContent], *, loaded: Iterable[date]
) -> Arrivals:
    """Days of the source that were never loaded, and those that held something else when they were.

    A day that is in the lake without a record was loaded before records were kept, and is taken as it is. A day that
    lost all its lines is changed as well.
    """
    present = set(loaded)
    new = sorted(day for day in seen if day not in present)
    nothing = DayContent(0, "empty")
    changed = [day for day, before in known.items() if day in present and seen.get(day, nothing).differs_from(before)]
    return Arrivals(new, sorted(changed))


def ranges_of(days: Iterable[date]) -> list[tuple[date, date]]:
    """Days as ranges without gaps."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and found[-1][1] + timedelta(days=1) == day:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def affected_days(changed: Iterable[date], *, present: Iterable[date], lookback_days: int) -> list[date]:
    """The days whose features see one of the changed days: those from it on, as far as the look-back reaches."""
    first_days = set(changed)
    reach = timedelta(days=lookback_days - 1)
    return sorted(day for day in set(present) if any(one <= day <= one + reach for one in first_days))
