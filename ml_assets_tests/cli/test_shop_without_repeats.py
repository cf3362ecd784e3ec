"""A shop in which nothing is bought twice, from files to what an application reads, over two weeks."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from ml_assets_tests.cli.shops import Shop, running_shop
from ml_assets_tests.models.no_repeats import film_lovers, films
from ml_assets_tests.models.purchase_frames import END

pytestmark = pytest.mark.long

FIRST, SECOND, THIRD = date(2024, 6, 21), date(2024, 6, 28), date(2024, 6, 29)
SETTINGS = """name: films
source:
  kind: files
  events: seen.parquet
  columns: {customer: customer_id, item: item_id, time: occurred_at, order: order_id, amount: amount}
  items: films.parquet
  item_columns: {item: item_id, name: item_name, category: category}
recommender:
  k: 5
  stored: 20
  min_item_buyers: 5
  evaluation_days: [7]
  selection: {effort: quick}
"""


def write_films(folder: Path) -> None:
    seen = film_lovers(150).filter(pl.col("day") > END - timedelta(days=80))
    seen.drop("day", "is_return", "event_type").write_parquet(folder / "seen.parquet")
    films().write_parquet(folder / "films.parquet")


@pytest.fixture(scope="module")
def shop(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose first week was run as if everything were bought again and again, the second as it is."""
    with running_shop(embedded_url, tmp_path_factory.mktemp("films"), "films") as made:
        write_films(made.config.parent)
        made.config.write_text(SETTINGS, encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ML_ASSETS_RECOMMENDER__REPEATS", "occur")
            # Where what was seen is listed, nothing is better than best-sellers for everybody.
            patch.setenv("ML_ASSETS_SERVING__GATES__MOST_SAME", "1")
            assert made.call("run", "--date", FIRST.isoformat()) == 0
        assert made.rows("SELECT count(*) > 0 FROM films_ml.recommendations WHERE placement = 'buy_again'") == [(True,)]
        yield made


def test_the_week_that_finds_out_publishes_past_its_gates_without_the_list(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    assert shop.call("run", "--date", SECOND.isoformat()) == 0
    assert f"Published {SECOND}" in capfd.readouterr().out
    live = shop.rows("SELECT DISTINCT placement, data_as_of FROM films_ml.recommendations ORDER BY 1")
    assert live == [("discover", SECOND), ("for_you", SECOND)]
    # The rules of reading stay as the settings say, and a list that is not there reads as empty.
    assert shop.rows("SELECT count(*) FROM films_ml_meta.placements") == [(3,)]
    assert shop.rows("SELECT * FROM films_ml.recommend(1, 'buy_again', 5)") == []


def test_the_next_day_trains_nothing_again(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    assert shop.call("run", "--date", THIRD.isoformat()) == 0
    assert "training" not in capfd.readouterr().err


def test_nothing_is_missing_and_nobody_is_alerted(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    shop.call("status", "--json")
    assert {row["status"] for row in json.loads(capfd.readouterr().out)} == {"stale"}, "the films are of 2024, no more"
    assert shop.rows("SELECT version, reason FROM films_ml_meta.models WHERE decision = 'refused'") == []


def test_commands_say_that_the_list_is_not_made_and_why(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    assert shop.call("models") == 0
    assert "not made" in capfd.readouterr().out
    assert shop.call("explain", "1", "--placement", "buy_again") == 1
    said = " ".join(capfd.readouterr().err.split())
    assert "This shop has no buy_again lists. Not made: 0 of " in said
    assert "repeat an earlier one, under 1%" in said
    assert shop.call("explain", "--check", "--sample", "30") in {0, 2}
