"""A shop that delivers a file a day until yesterday, its clock at noon, for tests of feeds that change."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from ml_assets.lake import Lake
from ml_assets_tests.cli.shops import Shop
from ml_assets_tests.shop import DAYS, FIRST

# It is noon in the shop, so that no test runs over its midnight; and these are its newest days.
HOUR = datetime.now(UTC).hour
ZONE = f"Etc/GMT{HOUR - 12:+d}"
NEWEST = (datetime.now(UTC) + timedelta(hours=12 - HOUR)).date() - timedelta(days=1)
BEFORE = [NEWEST - timedelta(days=number) for number in range(5)]


class DailyShop:
    """A shop that delivers a file a day, until yesterday."""

    def __init__(self, shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
        self.shop = shop
        self.lake = Lake(shop.home / "lake" / "books")
        self._capfd = capfd

    def file(self, day: date) -> Path:
        return self.shop.config.parent / "events" / f"{day}.parquet"

    def run(self, *arguments: str) -> tuple[int, str, list[str]]:
        """Exit code, standard output, and what it said meanwhile without the seconds."""
        self._capfd.readouterr()
        code = self.shop.call("run", *arguments)
        shown = self._capfd.readouterr()
        return code, shown.out, [line.split(" s  ", 1)[-1] for line in shown.err.splitlines()]

    def written(self, asset: str, day: date) -> int:
        return (self.shop.home / "lake" / "books" / asset / f"{day}.parquet").stat().st_mtime_ns

    def pending(self) -> int:
        return len(self.shop.rows("SELECT 1 FROM books_ml.restatements WHERE rebuilt_at IS NULL"))


def deliver(shop: Shop) -> None:
    events = shop.config.parent / "events"
    parts = list(events.glob("part-*.parquet"))
    moved = NEWEST - (FIRST.date() + timedelta(days=DAYS - 1))
    whole = pl.concat(map(pl.read_parquet, parts)).with_columns(pl.col("sold_at").dt.offset_by(f"{moved.days}d"))
    for part in parts:
        part.unlink()
    for (day,), lines in whole.group_by(pl.col("sold_at").dt.date()):
        lines.write_parquet(events / f"{day}.parquet")
    shop.config.write_text(shop.config.read_text().replace("Europe/Berlin", ZONE))
