"""Histories larger than a block: lines of one day come in many blocks, and the day is judged as a whole."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ml_assets.events.contract import check_lines
from ml_assets.events.fingerprint import fingerprint_days
from ml_assets.events.load import load_days
from ml_assets.settings.events import EventSettings
from ml_assets.settings.shop import Settings
from ml_assets.sources.base import BLOCK_ROWS
from ml_assets.sources.build import build_source

FIRST, DAYS = date(2024, 5, 1), 40
TODAY = date(2024, 7, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files with lines in no order of days; some lines are in both, some have no customer or no time."""
    rng = np.random.default_rng(1)
    count = BLOCK_ROWS + 50_000
    lines = pl.DataFrame(
        {
            "customer_id": pl.Series(rng.integers(0, 900, count)).replace(0, None),
            "item_id": rng.integers(1, 50, count),
            "occurred_at": pl.Series(1_714_521_600 + rng.integers(0, DAYS * 86_400, count)),
        }
    ).with_columns(occurred_at=pl.from_epoch("occurred_at").dt.strftime("%Y-%m-%d %H:%M:%S"))
    never = lines.head(3).with_columns(occurred_at=pl.lit("never"))
    place = tmp_path_factory.mktemp("history")
    pl.concat([lines, never]).write_csv(place / "a.csv")
    lines.tail(30).write_csv(place / "b.csv")
    return place


@pytest.fixture
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("mapped", "kept"):
        monkeypatch.setattr(f"ml_assets.sources.{module}.BLOCK_ROWS", 40)


def lines_in_order(count: int) -> pl.DataFrame:
    """Some days' lines in the order of their times, some without a customer."""
    numbers = pl.int_range(count, eager=True)
    times = pl.from_epoch(1_714_521_600 + numbers * (DAYS * 86_400 // count)).cast(pl.Datetime("us"))
    customers = pl.when(numbers % 9 > 0).then(numbers % 9)
    return pl.select(customer_id=customers, item_id=numbers % 7, occurred_at=times)


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("late", [False, True])
def test_days_that_are_finished_while_others_are_read_are_what_they_would_be_at_once(
    tmp_path: Path, ending: str, *, late: bool
) -> None:
    lines = lines_in_order(800)
    many = pl.concat([lines, lines.head(5)]) if late else lines
    for name, part in (("a", many), ("b", lines.tail(30))):
        path = tmp_path / f"{name}.{ending}"
        part.write_csv(path, datetime_format="%Y-%m-%d %H:%M:%S") if ending == "csv" else part.write_parquet(path)
    settings = Settings.model_validate({"home": tmp_path / "home", "source": {"events": str(tmp_path / f"*.{ending}")}})
    source = build_source(settings, today=TODAY)
    days = [FIRST + timedelta(days=number) for number in range(DAYS) if number != 17]
    loaded = load_days(source, days, EventSettings(), aside=tmp_path)
    whole = source.read_lines(days[0], days[-1]).filter(pl.col("source_day").is_in(days))
    checked = check_lines(whole, EventSettings(), pl.Series("item_id", [], pl.Int64))
    assert pl.concat(each.valid for each in loaded.values()).equals(checked.valid)
    refused = pl.concat(each.quarantined for each in loaded.values())
    assert refused.sort("source", "line").equals(checked.quarantined.sort("source", "line"))
    assert set(refused["reason"]) == {"missing_customer_id", "duplicate"}
    assert {day: facts.content for day, facts in loaded.facts.items()} == fingerprint_days(whole)
    for day, facts in loaded.facts.items():
        assert facts.valid == loaded.valid(day).height
        assert facts.quarantined == dict(loaded.quarantined(day)["reason"].value_counts().sort("reason").iter_rows())


def test_days_spread_over_blocks_are_judged_as_if_read_at_once(folder: Path, tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path, "source": {"events": str(folder)}})
    source = build_source(settings, today=TODAY)
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    loaded = load_days(source, days, EventSettings(), aside=tmp_path)
    assert len(list(source.blocks(days[0], days[-1]))) > 1
    whole = source.read_lines(days[0], days[-1])
    checked = check_lines(whole, EventSettings(), pl.Series("item_id", [], pl.Int64))
    assert pl.concat(each.valid for each in loaded.values()).equals(checked.valid)
    refused = pl.concat(each.quarantined for each in loaded.values())
    assert refused.sort("source", "line").equals(checked.quarantined.sort("source", "line"))
    assert set(refused["reason"]) == {"missing_customer_id", "unreadable_occurred_at", "duplicate"}
    assert {day: facts.content for day, facts in loaded.facts.items()} == fingerprint_days(whole)
    for day, facts in loaded.facts.items():
        assert facts.valid == loaded.valid(day).height
        assert facts.quarantined == dict(loaded.quarantined(day)["reason"].value_counts().sort("reason").iter_rows())
        assert facts.read == facts.valid + sum(facts.quarantined.values())
