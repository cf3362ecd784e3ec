"""Lines of fourteen days around the nights on which the clock is changed: each belongs to one day of its place."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from ml_assets.events.load import load_days
from ml_assets.settings.read.load import load_settings
from ml_assets.sources.build import build_source
from ml_assets_tests.zones import CHANGES, fortnight_around

STEP = timedelta(minutes=30)


def shop(folder: Path, zone: str, times: pl.Series) -> Path:
    (folder / "events").mkdir()
    lines = pl.DataFrame({"sold_at": times}).with_row_index("receipt")
    lines.with_columns(
        buyer=pl.format("c-{}", pl.col("receipt") % 7),
        isbn=pl.format("i-{}", pl.col("receipt")),
        receipt=pl.format("o-{}", "receipt"),
        copies=1,
        paid=1.0,
    ).write_parquet(folder / "events" / "a.parquet")
    (folder / "shop.yaml").write_text(
        f"""timezone: {zone}
source:
  kind: files
  events: events
  columns: {{customer: buyer, item: isbn, time: sold_at, order: receipt, quantity: copies, amount: paid}}
"""
    )
    return folder / "shop.yaml"


def load(config: Path, days: list[date]) -> dict[date, list[datetime]]:
    settings = load_settings(config)
    loaded = load_days(build_source(settings, today=date(2025, 1, 1)), days, settings.events)
    assert all(lines.quarantined.is_empty() for lines in loaded.values())
    return {day: lines.valid["occurred_at"].sort().to_list() for day, lines in loaded.items()}


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_moments_are_counted_on_the_local_day_once(tmp_path: Path, zone: str, change: date) -> None:
    days = fortnight_around(change)
    first = datetime.combine(days[0], time(), UTC) - timedelta(days=1)
    moments = [first + STEP * number for number in range(48 * 16)]
    loaded = load(shop(tmp_path, zone, pl.Series(moments, dtype=pl.Datetime("us", "UTC"))), days)
    for day in days:
        assert loaded[day] == [one for one in moments if one.astimezone(ZoneInfo(zone)).date() == day]


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_wall_clock_times_stay_on_the_day_they_name_also_where_the_clock_never_showed_them(
    tmp_path: Path, zone: str, change: date
) -> None:
    days = fortnight_around(change)
    naive = [datetime.combine(day, time()) + STEP * number for day in days for number in range(48)]
    loaded = load(shop(tmp_path, zone, pl.Series(naive, dtype=pl.Datetime("us"))), days)
    assert {day: len(found) for day, found in loaded.items()} == dict.fromkeys(days, 48)
