"""What all asset definitions of one shop share: key prefix, owners, calendar, how their failures are told.

Nothing that runs belongs here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from ml_assets.dagster.failures import final_failures
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

    def asset(self, group: str, kinds: set[str], **more: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
        """`@dg.asset` with what all assets of the shop share; what a person must mend is not tried again."""
        decorate = dg.asset(key_prefix=self.prefix, group_name=group, kinds=kinds, owners=self.owners, **more)
        return lambda compute: decorate(final_failures(compute))

    def daily_asset(
        self, group: str, kinds: set[str], **more: Any
    ) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
        """The same for an asset with a partition a day."""
        return self.asset(group, kinds, partitions_def=self.calendar.daily, **more)

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
