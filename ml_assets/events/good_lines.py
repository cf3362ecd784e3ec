"""Good lines of a history by day, until their days are whole: put aside, or made once more from what the source keeps.

A source that keeps its lines in a file (`sources.base.GivesAgain`) need not have them written twice. That pays where
its blocks follow one another in their days, so that each is made once more only; other blocks are put aside by day.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import polars as pl

from ml_assets.sources.base import Again, by_day
from ml_assets.spill import Spill


class GoodLines:
    """Lines by the day under which they were delivered; those of a day in the order in which they came."""

    def __init__(self, folder: Path, judged: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        """`judged` makes of the lines of a block the good ones, always the same."""
        self._judged = judged
        self._aside: Spill[date] = Spill(folder)
        self._again: list[Again] = []
        self._blocks_of: dict[date, list[int]] = defaultdict(list)
        """The blocks to make once more, by day."""
        self._rows: Counter[date] = Counter()
        self._newest_aside = self._newest_again = date.min
        self._held: tuple[int, Mapping[date, pl.DataFrame]] = (-1, {})

    @property
    def rows(self) -> dict[date, int]:
        """Lines by day."""
        return dict(self._rows)

    def add(self, days: Mapping[date, pl.DataFrame], again: Again | None) -> None:
        """Take the good lines of a block by day; `again` gives the whole block once more."""
        for day, part in days.items():
            self._rows[day] += part.height
        # Lines of a day stay in their order: what is made once more comes before what was put aside.
        if again and days and min(days) >= self._newest_again and min(days) > self._newest_aside:
            self._newest_again = max(days)
            for day in days:
                self._blocks_of[day].append(len(self._again))
            self._again.append(again)
            return
        for day, part in days.items():
            self._newest_aside = max(self._newest_aside, day)
            self._aside.add(day, part)

    def read(self, day: date) -> list[pl.DataFrame]:
        """The lines of a day; days are best read in their order."""
        return [*(self._block(number)[day] for number in self._blocks_of.get(day, ())), *self._aside.read(day)]

    def _block(self, number: int) -> Mapping[date, pl.DataFrame]:
        if self._held[0] != number:
            self._held = (number, by_day(self._judged(self._again[number]()), "source_day"))
        return self._held[1]
