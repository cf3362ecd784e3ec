"""Good lines of a history by day, until their days are whole: put aside, or made once more from what the source keeps.

Where the source says which days are over, as it can where lines lie in the order of their days, few lines wait. What
it keeps in a file (`sources.base.GivesAgain`) need not be written twice. That pays where blocks follow one another in
their days, so that each is made once more only; other blocks are put aside by day.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import polars as pl

from ml_assets.errors import PassingError
from ml_assets.sources.base import Again, by_day
from ml_assets.spill import Spill

Days = dict[date, list[pl.DataFrame]]


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
        self._newest_aside = self._newest_again = self._over = date.min
        self._held: tuple[int, Mapping[date, pl.DataFrame]] = (-1, {})

    @property
    def rows(self) -> dict[date, int]:
        """Lines by day."""
        return dict(self._rows)

    def add(self, days: Mapping[date, pl.DataFrame], again: Again | None, over: date | None = None) -> Days:
        """Take the good lines of a block by day; `again` gives the whole block once more.

        Returns the days before `over`, whole, in their order; nothing of them is kept. Raises `PassingError` where a
        day gets lines that was said to be over.
        """
        if days and min(days) < self._over:
            raise PassingError(
                f"The source holds other lines of {min(days)} than when it was looked at; nothing was loaded.",
                "Run it again when its files are written to the end.",
                code="source.unreadable",
            )
        self._over = max(self._over, over or date.min)
        found = {day: self._take(day) for day in sorted(self._rows) if day < self._over}
        for day in sorted(day for day in days if day < self._over):
            found.setdefault(day, []).append(days[day])
        self._add(
            {day: part for day, part in days.items() if day >= self._over},
            None if days and min(days) < self._over else again,
        )
        return dict(sorted(found.items()))

    def _add(self, days: Mapping[date, pl.DataFrame], again: Again | None) -> None:
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

    def _take(self, day: date) -> list[pl.DataFrame]:
        lines = [*self._made_again(day), *self._aside.take(day)]
        del self._rows[day]
        self._blocks_of.pop(day, None)
        return lines

    def _made_again(self, day: date) -> list[pl.DataFrame]:
        return [self._block(number)[day] for number in self._blocks_of.get(day, ())]

    def read(self, day: date) -> list[pl.DataFrame]:
        """The lines of a day; days are best read in their order."""
        return [*self._made_again(day), *self._aside.read(day)]

    def _block(self, number: int) -> Mapping[date, pl.DataFrame]:
        if self._held[0] != number:
            self._held = (number, by_day(self._judged(self._again[number]()), "source_day"))
        return self._held[1]
