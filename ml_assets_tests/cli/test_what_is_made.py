"""Shops whose orders do not say who bought, or what: they make what can be made, and nothing else is missing."""

import json
from collections.abc import Iterator
from datetime import datetime

import polars as pl
import pytest

from ml_assets.settings.made import WITHOUT_AMOUNTS
from ml_assets_tests.cli.shops import Shop, running_shop

DAY = "2024-05-31"
OF_ITEMS = {"interactions", "recommender_model", "similar_items", "popular_items"}
OF_CUSTOMERS = {"customer_features", "segmentation_model", "customer_value_model", "segment_assignments"}


@pytest.fixture(scope="module")
def shop(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(embedded_url, tmp_path_factory.mktemp("made"), "what_is_made") as found:
        found.config.write_text(found.config.read_text().replace("customer: buyer", "customer: null"))
        events = found.config.parent / "events"
        late = pl.read_parquet(events / "part-1.parquet").head(2).with_columns(sold_at=datetime(2099, 1, 1))  # noqa: DTZ001
        late.write_parquet(events / "part-2.parquet")
        yield found


def judged(shop: Shop, capfd: pytest.CaptureFixture[str]) -> set[str]:
    capfd.readouterr()
    shop.call("status", "--json")
    rows = json.loads(capfd.readouterr().out)
    # Old as a whole: the shop's data ends in 2024.
    assert {row["status"] for row in rows} == {"stale"}
    return {row["subject"] for row in rows}


def faults(shop: Shop, capfd: pytest.CaptureFixture[str]) -> set[str]:
    capfd.readouterr()
    shop.call("doctor", "--json")
    return {one["about"] for one in json.loads(capfd.readouterr().out) if one["level"] != "good"}


def test_a_shop_that_knows_no_customers_gets_similar_and_popular_items(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    assert shop.call("run", "--date", DAY) == 0
    said = capfd.readouterr()
    assert f"Published {DAY}." in said.out
    assert "warning" not in said.err
    assert "2 lines are dated after today: loaded on that day, and counted nowhere before" in said.err
    assert judged(shop, capfd) == {"transactions"} | OF_ITEMS
    assert faults(shop, capfd) <= {"days", "channels"}
    similar = "SELECT count(DISTINCT item_id) FROM books_ml.similar_items"
    assert shop.rows(similar)[0][0] > 20
    assert len(shop.rows("SELECT * FROM books_ml.recommend('anybody')")) == 5
    assert {source for (source,) in shop.rows("SELECT source FROM books_ml.recommend_for_items('{i-001}')")} == {
        "similar"
    }
    assert shop.rows("SELECT count(*) FROM books_ml_store.items WHERE item_name LIKE 'Book %'") == [(30,)]
    assert shop.call("export", "segments") == 1
    assert "This shop makes no segments: this shop knows no customers" in " ".join(capfd.readouterr().err.split())


def test_a_shop_that_stops_to_say_what_was_bought_gets_segments_and_shows_no_old_lists(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    text = shop.config.read_text().replace("customer: null, item: isbn", "customer: buyer, item: null")
    text = text.replace(", amount: paid", "")
    shop.config.write_text(text)
    assert shop.call("run", "--date", DAY) == 0
    said = capfd.readouterr()
    assert "similar_items is not made any more and not shown: Orders of this shop do not say" in said.err
    assert f"Published {DAY}." in said.out
    assert said.out.count(WITHOUT_AMOUNTS) == 1
    assert judged(shop, capfd) == {"transactions"} | OF_CUSTOMERS
    assert faults(shop, capfd) <= {"days", "channels", "amount of data"}
    assert shop.rows("SELECT count(*) FROM books_ml.segment_assignments") == [(40,)]
    assert shop.rows("SELECT count(*) FROM books_ml.segment_assignments WHERE alive_probability IS NULL") == [(0,)]
    spend = "median_spend_90d, median_spend_365d, mean_expected_spend_90d, total_expected_spend_90d"
    assert shop.rows(f"SELECT DISTINCT {spend} FROM books_ml.segments") == [(None,) * 4]
    assert shop.rows("SELECT count(expected_spend_90d) FROM books_ml.segment_assignments") == [(0,)]
    (described,) = shop.rows("SELECT string_agg(description, ' ') FROM books_ml.segments")
    assert "pieces" in described[0]
    assert "spen" not in described[0]
    for empty in ("recommend('c-001')", "recommend_for_items('{i-001}')", "similar_items", "popular_items"):
        assert shop.rows(f"SELECT * FROM books_ml.{empty}") == []
    reasons = shop.rows("SELECT DISTINCT reason FROM books_ml.not_made")
    assert reasons == [("Orders of this shop do not say what was bought (source.columns.item: null).",)]
    for command in (["explain", "c-001"], ["backtest", "--quick"], ["export", "recommendations"]):
        assert shop.call(*command) == 1
        assert "source.columns.item: null" in capfd.readouterr().err
    assert shop.call("run", "--date", DAY) == 0, "and once more, with nothing left to withdraw"
    assert "training" not in capfd.readouterr().err


def test_a_shop_that_makes_no_lists_of_its_own_goes_on_showing_those_it_imports(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    text = shop.config.read_text().replace("item: null", "item: isbn")
    shop.config.write_text(text.replace("recommender: {", "recommender: {enabled: false, "))
    assert shop.call("run", "--date", DAY) == 0
    lists = pl.DataFrame({"customer_id": [f"c-{n:03}" for n in range(1, 41)]}).join(
        pl.DataFrame({"item_id": ["i-001", "i-002", "i-003", "i-004", "i-005"], "rank": [1, 2, 3, 4, 5]}), how="cross"
    )
    lists.write_csv(shop.config.parent / "theirs.csv")
    capfd.readouterr()
    assert shop.call("import", "recommendations", str(shop.config.parent / "theirs.csv"), "--as-of", DAY) == 0
    assert f"of {DAY}: 40 lists, live." in capfd.readouterr().out
    shown = "SELECT item_id, source FROM books_ml.recommend('c-001')"
    before = shop.rows(shown)
    assert [item for item, _ in before] == ["i-001", "i-002", "i-003", "i-004", "i-005"]
    assert shop.call("run", "--date", DAY) == 0
    said = capfd.readouterr()
    assert "not shown" not in said.err
    assert shop.rows(shown) == before
    assert "recommendations" in judged(shop, capfd), "and their age is watched"
