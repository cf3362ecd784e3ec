"""`ml-assets run` without Dagster's daemon: what came late, was corrected or is missing, and what readers see."""

import json
from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ml_assets.features.customers import build_customer_features
from ml_assets_tests.cli.daily_shop import BEFORE, NEWEST, ZONE, DailyShop, deliver
from ml_assets_tests.cli.shops import Shop, running_shop


@pytest.fixture(scope="module")
def made(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Its three newest days have been run; the fourth before has not come."""
    with running_shop(embedded_url, tmp_path_factory.mktemp("changes"), "changes") as shop:
        deliver(shop)
        late = shop.config.parent / "events" / f"{BEFORE[3]}.parquet"
        late.rename(late.with_suffix(".later"))
        assert shop.call("run", "--from", str(BEFORE[2]), "--to", str(NEWEST)) == 0
        yield shop


@pytest.fixture
def daily(made: Shop, capfd: pytest.CaptureFixture[str]) -> DailyShop:
    return DailyShop(made, capfd)


def test_a_day_that_comes_late_is_loaded_and_the_features_that_should_have_seen_it_are_built_again(
    daily: DailyShop,
) -> None:
    late = daily.file(BEFORE[3])
    late.with_suffix(".later").rename(late)
    lines = pl.read_parquet(late).height
    code, out, said = daily.run()
    assert (code, out.splitlines()[0]) == (0, f"Published {NEWEST}.")
    assert f"{BEFORE[3]} arrived late: {lines} lines; rebuilding the features of 2 days" in said
    again = [line for line in said if line.startswith("rebuilding")]
    assert again == [f"rebuilding the features of {day}" for day in (BEFORE[1], BEFORE[2])]
    assert_features_are_those_of_today(daily)
    assert daily.pending() == 0


def test_a_corrected_day_is_told_rebuilt_and_in_the_ledger_and_so_is_its_way_back(daily: DailyShop) -> None:
    corrected, before = daily.file(BEFORE[1]), daily.written("interactions", BEFORE[2])
    whole = pl.read_parquet(corrected)
    fewer = whole.head(whole.height // 2)
    fewer.write_parquet(corrected)
    code, _, said = daily.run()
    assert code == 0
    told = f"{BEFORE[1]} was corrected: {whole.height} lines, now {fewer.height}; rebuilding the features of 1 day"
    assert told in said
    assert daily.written("interactions", BEFORE[2]) == before
    assert_features_are_those_of_today(daily)
    # An older day is asked for: the correction is seen as well, and the newest lists are made again.
    whole.write_parquet(corrected)
    code, out, said = daily.run("--date", str(BEFORE[2]))
    assert code == 0
    assert (
        f"{BEFORE[1]} was corrected: {fewer.height} lines, now {whole.height}; rebuilding the features of 1 day "
        f"and scoring {NEWEST} again"
    ) in said
    assert out.splitlines()[0] == f"Computed {BEFORE[2]}, which readers do not see:"
    assert f"readers see {NEWEST}, a newer day." in out
    assert_features_are_those_of_today(daily)
    entries = daily.shop.rows(
        f"SELECT rows_before, rows_after FROM books_ml.restatements WHERE day = '{BEFORE[1]}' ORDER BY changed_at"
    )
    assert entries == [(whole.height, fewer.height), (fewer.height, whole.height)]
    assert daily.pending() == 0


def test_a_day_in_the_middle_that_lost_all_its_lines_is_empty_until_it_is_delivered_again(daily: DailyShop) -> None:
    lost = daily.file(BEFORE[1])
    whole = pl.read_parquet(lost)
    whole.clear().write_parquet(lost)
    code, out, said = daily.run("--json")
    assert code == 0
    told = f"{BEFORE[1]} lost all its lines, which were {whole.height}; rebuilding the features of 1 day"
    assert told in said
    facts = json.loads(out)
    assert facts["restated"] == [
        {
            "day": str(BEFORE[1]),
            "lines_before": whole.height,
            "lines_now": 0,
            "kept": False,
            "features_rebuilt": 1,
            "scored_again": None,
        }
    ]
    assert {(one["live_day"], one["state"]) for one in facts["readers_see"]} == {(str(NEWEST), "live")}
    assert (facts["days"], facts["missing"], facts["failed"]) == ([str(NEWEST)], [], [])
    assert daily.lake.read("transactions", BEFORE[1]).height == 0
    assert_features_are_those_of_today(daily)
    # A broken correction is told, and does not hold up the newest day.
    whole.with_columns(isbn=pl.lit(None, pl.String)).write_parquet(lost)
    code, out, said = daily.run()
    assert (code, out.splitlines()[0]) == (2, f"Published {NEWEST}.")
    (failed,) = [line for line in said if line.startswith("Failed:")]
    assert failed.startswith(f"Failed: loading {BEFORE[1]}:")
    assert "missing_item_id" in failed
    assert daily.lake.read("transactions", BEFORE[1]).height == 0
    whole.write_parquet(lost)
    assert daily.run()[0] == 0
    assert daily.lake.read("transactions", BEFORE[1]).height == whole.height
    assert_features_are_those_of_today(daily)


def test_a_newest_day_that_is_empty_is_said_to_be_missing_and_what_was_loaded_stays(daily: DailyShop) -> None:
    newest = daily.file(NEWEST)
    whole = pl.read_parquet(newest)
    (before,) = daily.shop.rows("SELECT DISTINCT release_id FROM books_ml.recommendations")
    whole.clear().write_parquet(newest)
    code, out, said = daily.run()
    assert code == 2
    assert out.splitlines()[0] == f"Computed {BEFORE[1]}, which readers do not see:"
    assert f"readers see {NEWEST}, a newer day." in out
    assert f"Missing: {NEWEST}: the source has no events after {BEFORE[1]}." in said
    kept = f"{NEWEST} lost all its lines, which were {whole.height}; nothing came after it, so what was loaded stays"
    assert kept in said
    assert daily.lake.read("transactions", NEWEST).height == whole.height
    assert daily.shop.rows("SELECT DISTINCT release_id FROM books_ml.recommendations") == [before]
    whole.write_parquet(newest)


def test_a_pinned_release_is_said_to_be_what_readers_see(daily: DailyShop) -> None:
    assert daily.shop.call("rollback", "recommendations", "--reason", "the lists look odd") == 0
    (seen,) = daily.shop.rows("SELECT DISTINCT data_as_of FROM books_ml.recommendations")
    code, out, _ = daily.run()
    assert (code, out.splitlines()[0]) == (0, f"Published {NEWEST}, but not all of it:")
    assert f"recommendations: readers see {seen[0]}, which " in out
    assert "pinned (the lists look odd); `ml-assets unpin recommendations` ends it." in out
    assert daily.shop.call("unpin", "recommendations") == 0


def assert_features_are_those_of_today(daily: DailyShop) -> None:
    """The stored features are what the days in the lake give now."""
    days = daily.lake.partitions("transactions")
    for day in daily.lake.partitions("customer_features"):
        lines = daily.lake.scan("transactions", [one for one in days if one <= day])
        as_of = date.fromisoformat(day)
        fresh = build_customer_features(
            lines, daily.lake.scan("items"), as_of=as_of, lookback_days=400, timezone=ZONE
        ).collect()
        assert_frame_equal(daily.lake.read("customer_features", day), fresh, check_row_order=False)
