"""What follows from a look at the source: the days to load, and the days to build again because of them.

Pure decisions, the same for the sensor (`dagster/automation/source_sensor.py`), which asks Dagster for runs, and for
`ml-assets run` (`dagster/runner.py`), which does them itself. What a look reads is in `source_scan.py`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from ml_assets.events.fingerprint import EMPTY, DayContent


@dataclass(frozen=True)
class Change:
    """A day of which the lake holds something else than the source."""

    day: date
    before: DayContent | None
    """What was loaded; None of a day that never was."""
    now: DayContent

    @property
    def is_gone(self) -> bool:
        """Whether the source has no line of it any more."""
        return self.now.rows == 0

    @property
    def words(self) -> str:
        """What became of the day, as the beginning of a sentence."""
        now, lines = f"{self.now.rows:,}", "line" if self.now.rows == 1 else "lines"
        if self.before is None or self.before.rows == 0:
            return f"{self.day} arrived late: {now} {lines}"
        before = f"{self.before.rows:,}"
        if self.is_gone:
            return f"{self.day} lost all its lines, which were {before}"
        if self.now.rows == self.before.rows:
            return f"{self.day} was corrected: {now} {lines} as before, with other values"
        return f"{self.day} was corrected: {before} {'line' if self.before.rows == 1 else 'lines'}, now {now}"


@dataclass(frozen=True)
class Plan:
    """What to load, each in the order of the days."""

    seen: Mapping[date, DayContent]
    """What the source has."""
    missing: list[Change]
    """Never loaded, older than the newest day that the source has."""
    corrected: list[Change]
    """Loaded, and something else now."""
    lost: list[Change]
    """Loaded, and gone from the end of the source: nothing came after, so the feed lost them. They stay as loaded."""
    newest: date | None
    """The newest day that the source has: it is loaded when it is scored."""

    @property
    def loads(self) -> list[tuple[date, date]]:
        """The ranges (first, last) to load: those that are missing, then those that were corrected."""
        return [*ranges_of(one.day for one in self.missing), *ranges_of(one.day for one in self.corrected)]


def plan_loads(
    seen: Mapping[date, DayContent],
    known: Mapping[date, DayContent],
    *,
    loaded: Collection[date],
    recorded_since: date | None = None,
    held_since: date | None = None,
    may_be_empty: bool = False,
) -> Plan:
    """What to load, from what the source has (`seen`), what was noted of it (`known`) and what the lake has (`loaded`).

    All of one window. A day that is in the lake and was not noted was loaded before notes were kept, and is taken as it
    is; one after `recorded_since`, the oldest noted day, was left by a load that was killed, and is missing. A source
    that holds nothing before `held_since` keeps its last days only, and has lost nothing before. Where `may_be_empty`,
    the newest days may lose all their lines by a correction.
    """
    newest = max((day for day, content in seen.items() if content.rows), default=None)
    unfinished = {day for day in loaded if recorded_since and day > recorded_since and day not in known}
    absent = [Change(day, None, now) for day, now in seen.items() if day not in loaded or day in unfinished]
    changed = [
        Change(day, before, seen.get(day, EMPTY))
        for day, before in known.items()
        if day in loaded and seen.get(day, EMPTY).differs_from(before)
        if day in seen or held_since is None or day >= held_since
    ]
    lost = {one.day for one in changed if one.is_gone and not may_be_empty and (newest is None or one.day > newest)}
    return Plan(
        seen,
        missing=_sorted(one for one in absent if one.day != newest),
        corrected=_sorted(one for one in changed if one.day not in lost),
        lost=_sorted(one for one in changed if one.day in lost),
        newest=newest,
    )


@dataclass(frozen=True)
class Rebuild:
    """What to build again because of days that changed."""

    features: list[date]
    """Days of which the features are built again, newest first; their predictions are the record of what was shown."""
    newest: date | None
    """The newest day with features, to be scored and published again; None where it sees none of the changes."""


def plan_rebuild(
    changed: Iterable[date], *, built: Collection[date], wanted: Collection[date], lookback_days: int
) -> Rebuild:
    """Exactly what sees one of the changed days: of the days `wanted`, and the newest, those that were `built`."""
    days = affected_days(changed, present=built, lookback_days=lookback_days)
    newest = max(built, default=None)
    return Rebuild(
        [day for day in reversed(days) if day != newest and day in wanted],
        newest if newest in days else None,
    )


def late_days(loaded: Mapping[date, DayContent], built: Collection[date], lookback_days: int) -> list[date]:
    """Of days loaded for the first time, those that features of later days were built without."""
    return [
        day
        for day, content in loaded.items()
        if content.rows
        and affected_days([day], present=(one for one in built if one > day), lookback_days=lookback_days)
    ]


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


def _sorted(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda one: one.day)
