"""Loading everything again where the settings that read the source changed, so that all days mean the same.

Which settings these are is in `sources/reading.py`; how a job is run belongs to `runner.py`.
"""

from datetime import date, timedelta

from ml_assets.dagster.days import days_with_events
from ml_assets.dagster.shop import Shop
from ml_assets.lake import Lake
from ml_assets.sources.base import EventSource
from ml_assets.sources.memory import SourceMemory
from ml_assets.sources.reading import FACT, mixed_reading, reading_of

# Lines of so many days are held in memory at once.
DAYS_AT_ONCE = 31


class NewReading:
    """What was loaded by other settings, until it is loaded again and models are trained on it."""

    def __init__(self, shop: Shop, source: EventSource, lake: Lake) -> None:
        self._shop, self._source, self._lake = shop, source, lake
        self._memory = SourceMemory(shop.settings)
        self._now = reading_of(shop.settings)

    def words(self) -> str | None:
        """What changed, and what follows from it; None where nothing did."""
        mixed = mixed_reading(self._shop.settings)
        return mixed and f"{mixed}; loading all days again, and training the models on them"

    def begin(self) -> None:
        """Note that from now on days of both readings are in the lake, whatever becomes of this process."""
        self._memory.remember(**{FACT: {}})

    def done(self) -> None:
        """Note that everything in the lake was loaded by the settings of today."""
        if self._memory.recall(FACT) != self._now:
            self._memory.remember(**{FACT: self._now})

    def days(self) -> list[date]:
        """The days that are in the lake and still in the source; others can only stay as they are."""
        loaded = [date.fromisoformat(day) for day in self._lake.partitions("transactions")]
        found: list[date] = []
        first = loaded[0]
        while first <= loaded[-1]:
            last = min(first + timedelta(days=DAYS_AT_ONCE - 1), loaded[-1])
            there = days_with_events(self._shop, self._source, first, last)
            found += [day for day in loaded if first <= day <= last and day in there]
            first = last + timedelta(days=1)
        return found
