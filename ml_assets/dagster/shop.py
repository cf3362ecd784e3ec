"""What all asset definitions of one shop share: key prefix, owners, calendar.

Nothing that runs belongs here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from ml_assets.dagster.partitions import Calendar, build_calendar
from ml_assets.settings.shop import Settings
from ml_assets.sources.base import EventSource


@dataclass(frozen=True)
class Shop:
    """The shop that definitions are built for."""

    settings: Settings
    calendar: Calendar

    @classmethod
    def of(cls, settings: Settings, source: EventSource) -> "Shop":
        """The shop of settings, with the calendar of its source."""
        return cls(settings, build_calendar(settings, source))

    def prefixed(self, name: str) -> str:
        """The name of a job, a sensor or a step, prefixed for a named shop."""
        return f"{self.settings.name}_{name}" if self.settings.name else name

    def key(self, name: str) -> dg.AssetKey:
        """The asset key: the name, prefixed for a named shop."""
        return dg.AssetKey([self.settings.name, name] if self.settings.name else [name])

    def out(self, name: str, description: str, *, group: str, kinds: set[str], stored: bool = True) -> dg.AssetOut:
        """One of several assets that a step makes; one that is not `stored` is kept by the step itself."""
        return dg.AssetOut(
            key=self.key(name),
            description=description,
            group_name=group,
            kinds=kinds,
            owners=self.owners,
            dagster_type=dg.Any if stored else dg.Nothing,
        )

    @property
    def prefix(self) -> Sequence[str] | None:
        """The key prefix for asset decorators."""
        return [self.settings.name] if self.settings.name else None

    @property
    def owners(self) -> Sequence[str]:
        """Owners shown in the catalog."""
        return self.settings.owners
