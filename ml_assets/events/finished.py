"""Days that are finished, as the files that they will be: put aside until all lines are judged, and any may be seen.

A day is finished once all its lines are there. Which days are whole is found in `good_lines.py`, what is made of their
lines is the matter of `contract.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from ml_assets.events.contract import CheckedLines
from ml_assets.lake import PackedFrame
from ml_assets.sources.base import by_day
from ml_assets.spill import SpilledBytes

# So many lines of whole days are put in order at a time: what lies in the caches of a processor is sorted faster.
ROWS_FINISHED = 65_536


class FinishedDays:
    """Events by day."""

    def __init__(self, folder: Path, finish: Callable[[pl.DataFrame], CheckedLines], none: pl.DataFrame) -> None:
        """`finish` makes whole days of good lines events; `none` are good lines without any."""
        self.nothing = finish(none)
        """What a day without lines is."""
        self._finish = finish
        self._packed: SpilledBytes[date] = SpilledBytes(folder)

    def add(self, days: Mapping[date, Sequence[pl.DataFrame]]) -> dict[date, pl.DataFrame]:
        """Finish whole days of good lines; returns the refused ones among them, by day."""
        refused: dict[date, pl.DataFrame] = {}
        for group in groups_of_days({day: sum(part.height for part in parts) for day, parts in days.items()}):
            checked = self._finish(pl.concat(part for day in group for part in days[day]))
            for day, events in by_day(checked.valid, "day").items():
                self._packed.add(day, PackedFrame.of(events).content)
            refused |= by_day(checked.quarantined, "day")
        return refused

    def packed(self, day: date) -> PackedFrame:
        """The events of a day."""
        return PackedFrame(self._packed.read(day)) if day in self._packed else PackedFrame.of(self.nothing.valid)


def groups_of_days(rows: Mapping[date, int]) -> list[list[date]]:
    """Days in their order, so many that together they have some ROWS_FINISHED lines."""
    groups: list[list[date]] = []
    held = 0
    for day in sorted(rows):
        if not groups or held + rows[day] > ROWS_FINISHED:
            groups.append([])
            held = 0
        groups[-1].append(day)
        held += rows[day]
    return groups
