"""A shop of files whose feed can be moved, for tests of what its sensors ask for."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl

from ml_assets.dagster.automation.source_sensor import look
from ml_assets.dagster.build import build_defs
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.runs import RANGE_END, RANGE_START, range_tags
from ml_assets.dagster.shop import Shop
from ml_assets.events.source_scan import SourceScan
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source

BERLIN = ZoneInfo("Europe/Berlin")


TODAY = date(2024, 5, 21)


NOON = datetime(2024, 5, 21, 12, tzinfo=BERLIN)


@dataclass
class House:
    """A shop of files whose feed ends on 20 May, with its lake and database."""

    folder: Path
    settings: Settings
    instance: dg.DagsterInstance
    memory: str | None = None
    """What the sensor keeps from one look to the next."""

    def __post_init__(self) -> None:
        self.lake = Lake.of(self.settings)

    @property
    def shop(self) -> Shop:
        return Shop.of(self.settings, self.source)

    @property
    def source(self):  # type: ignore[no-untyped-def]
        return build_source(self.settings, today=TODAY)

    @property
    def serving(self) -> ServingDatabase:
        return ServingDatabase(self.settings, self.source)

    def deliver(self, until: date) -> None:
        """The files hold everything up to a day."""
        whole = pl.read_parquet(self.folder / "whole.parquet")
        whole.filter(pl.col("sold_at").dt.date() <= until).write_parquet(self.folder / "events" / "part-0.parquet")

    def run(
        self, job: str, first: date, last: date | None = None, assets: list[str] | None = None, key: str | None = None
    ) -> None:
        defs = build_defs(self.settings, source=self.source, retry=None)
        tags = range_tags(first, last) if last else {}
        tags |= {"dagster/run_key": key} if key else {}
        definition = defs.resolve_job_def(f"books_{job}")
        definition.execute_in_process(
            instance=self.instance,
            partition_key=None if last else first.isoformat(),
            tags=tags,
            asset_selection=[self.shop.key(name) for name in assets] if assets else None,
        )

    def requests(self, now: datetime = NOON) -> list[dg.RunRequest]:
        source = self.source
        scan = SourceScan(source, self.memory, today=TODAY)
        found = list(look(self.shop, self.instance, self.lake, self.serving, source, scan, now))
        self.memory = scan.memory
        return found

    def look(self, now: datetime = NOON) -> list[tuple[str, str]]:
        found = []
        for request in self.requests(now):
            days = request.partition_key or "..".join(request.tags[end] for end in (RANGE_START, RANGE_END))
            what = ",".join(key.path[-1] for key in request.asset_selection or [])
            found.append((f"{request.job_name}{f'({what})' if what else ''}", days))
        return found
