"""`ml-assets run --since-last`: an order of this morning counts before the night, and nothing else changes."""

import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr

from ml_assets.books.models import champion
from ml_assets.dagster.database import ServingDatabase
from ml_assets.events.load import load_days
from ml_assets.features.interactions import build_interactions
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.recommend import recommend
from ml_assets.models.training import artifact_folder
from ml_assets.settings.read.load import load_settings
from ml_assets.sources.build import build_source
from ml_assets_tests.cli.daily_shop import NEWEST, DailyShop, deliver
from ml_assets_tests.cli.shops import Shop, running_shop

TODAY = NEWEST + timedelta(days=1)
STORED = """
    SELECT t.customer_id, t.placement, t.item_ids, t.scores::float8[],
        ARRAY(SELECT r.source_words[s] FROM unnest(t.sources) WITH ORDINALITY AS u (s, n) ORDER BY n),
        ARRAY(SELECT r.reason_words[s] FROM unnest(t.reasons) WITH ORDINALITY AS u (s, n) ORDER BY n)
    FROM books_ml_store.recommendations AS t
    JOIN books_ml_meta.live AS l USING (release_id) JOIN books_ml_meta.releases AS r USING (release_id)
"""
LIVE = "SELECT release_id FROM books_ml_meta.live WHERE subject = 'recommendations'"
Lists = dict[tuple[str, str], tuple[Any, ...]]


class Till(DailyShop):
    """The shop with a till that delivers while the day is not over."""

    def sell(self, *lines: tuple[str, str, int]) -> None:
        """The file of today: buyer, book, and copies, of which fewer than none are a return, which is set aside."""
        rows = [
            (buyer, book, datetime.combine(TODAY, time(9, number)), f"today-{buyer}", copies, 7.5 * copies)
            for number, (buyer, book, copies) in enumerate(lines)
        ]
        schema = pl.read_parquet_schema(self.file(NEWEST))
        pl.DataFrame(rows, schema=dict(schema), orient="row").write_parquet(self.file(TODAY))

    def close(self) -> None:
        """Nothing of today has come."""
        self.file(TODAY).unlink(missing_ok=True)

    def lists(self) -> Lists:
        """All that is stored of the live lists."""
        return {(customer, placement): tuple(more) for customer, placement, *more in self.shop.rows(STORED)}

    def rescored(self) -> set[str]:
        """Whose lists are not those of the night."""
        query = "SELECT customer_id FROM books_ml_store.recommendations WHERE rescored_at IS NOT NULL"
        return {row[0] for row in self.shop.rows(f"{query} AND release_id = ({LIVE})")}


@pytest.fixture(scope="module")
def made(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Its newest day has been run."""
    with running_shop(embedded_url, tmp_path_factory.mktemp("since"), "since_last") as shop:
        deliver(shop)
        items = shop.config.parent / "items.csv"
        pl.read_csv(items).with_columns(in_stock=pl.lit(1)).write_csv(items)
        text = shop.config.read_text().replace("category: genre}", "category: genre, available: in_stock}")
        shop.config.write_text(text)
        assert shop.call("run", "--since-last") == 1
        assert shop.call("run") == 0
        yield shop


@pytest.fixture
def till(made: Shop, capfd: pytest.CaptureFixture[str]) -> Iterator[Till]:
    shop = Till(made, capfd)
    yield shop
    shop.close()


def whole_run(shop: Shop) -> Lists:
    """The lists of everybody as a run of the day so far would make them, from all transactions."""
    settings = load_settings(shop.config).model_copy(update={"database_url": SecretStr(shop.url)})
    source, day = build_source(settings), NEWEST
    lake = Till(shop, None).lake  # type: ignore[arg-type]
    today = load_days(source, [TODAY], settings.events).valid(TODAY)
    known = lake.scan("transactions", lake.partitions("transactions")).collect()
    interactions = build_interactions(
        pl.concat([known, today], how="diagonal").lazy(),
        as_of=TODAY,
        lookback_days=settings.lookback_days,
        weights=settings.events.weights,
    )
    models = {}
    with ServingDatabase(settings, source).connect() as connection:
        for placement in settings.recommender.enabled_placements:
            model = champion(connection, "recommender", day, placement)
            assert model
            models[placement] = RecommenderModel.load(artifact_folder(lake, model.artifact), model.checksum)
    made = recommend(
        {name: model for name, model in models.items() if name in model.methods},
        interactions.collect(),
        source.read_items(),
        as_of=TODAY,
        settings=settings.recommender,
    ).lists
    columns = ["customer_id", "placement", "item_ids", "scores", "sources", "reason_codes"]
    rows = made.select(columns).with_columns(pl.col("sources", "reason_codes").cast(pl.List(pl.String))).iter_rows()
    return {(customer, placement): tuple(more) for customer, placement, *more in rows}


def test_who_bought_something_has_the_lists_of_a_whole_run_and_everybody_else_those_of_the_night(
    till: Till, capfd: pytest.CaptureFixture[str]
) -> None:
    before = till.lists()
    code, out, _ = till.run("--since-last")
    assert (code, out.splitlines()[0]) == (0, f"The source has nothing after {NEWEST}, the day of the live lists.")
    till.sell(("c-001", "i-002", 1), ("c-001", "i-020", 2), ("c-new", "i-003", 1), ("c-004", "i-005", -1))
    code, out, _ = till.run("--since-last")
    assert code == 0
    assert out.startswith(f"2 customers have new lists, which know 3 events after {NEWEST}, until {TODAY} 09:02.")
    after, whole = till.lists(), whole_run(till.shop)
    assert till.rescored() == {"c-001", "c-new"}
    theirs = {key for key in whole if key[0] in ("c-001", "c-new")}
    assert {key: after[key] for key in after if key[0] in ("c-001", "c-new")} == {key: whole[key] for key in theirs}
    assert {key: value for key, value in after.items() if key not in theirs} == {
        key: value for key, value in before.items() if key not in theirs
    }
    assert any(after[key] != before.get(key) for key in theirs)
    again = till.run("--since-last")
    assert (again[0], again[1].splitlines()[0]) == (
        0,
        f"Nothing new: the live lists know all 3 events after {NEWEST}; nothing was changed.",
    )
    book = till.shop.rows("SELECT state, customers, events, events_from FROM books_ml.rescorings")
    assert book == [("shown", 2, 3, TODAY)]
    capfd.readouterr()
    till.shop.call("status", "--json")
    told = {row["subject"]: row["rescored"] for row in json.loads(capfd.readouterr().out)}
    assert (told["recommendations"]["state"], told["recommendations"]["customers"]) == ("shown", 2)
    assert told["transactions"] is None
    days = till.shop.rows(f"SELECT 1 FROM books_ml_meta.source_days WHERE day = '{TODAY}'")
    assert (days, till.lake.exists("transactions", TODAY)) == ([], False)
    fresh = "SELECT data_as_of, status FROM books_ml.freshness WHERE subject = 'recommendations'"
    ages = till.shop.rows(fresh)
    assert ages == [(NEWEST, "fresh")]


def test_lines_that_are_corrected_or_taken_back_inside_the_day_count_as_they_are_now(till: Till) -> None:
    till.sell(("c-001", "i-002", 1), ("c-new", "i-003", 1))
    assert till.run("--since-last")[0] == 0
    till.sell(("c-001", "i-007", 1))
    code, out, _ = till.run("--since-last")
    assert (code, out.split(" have")[0]) == (0, "2 customers")
    after, whole = till.lists(), whole_run(till.shop)
    assert {key: after[key] for key in after if key[0] in ("c-001", "c-new")} == {
        key: whole[key] for key in whole if key[0] == "c-001"
    }


def test_lists_that_show_what_went_away_are_made_anew_without_it(till: Till) -> None:
    till.sell(("c-001", "i-007", 1))
    assert till.run("--since-last")[0] == 0
    shown = "SELECT DISTINCT customer_id FROM books_ml.recommendations WHERE item_id = 'i-004'"
    who = {row[0] for row in till.shop.rows(shown)}
    assert len(who) > 1
    items = till.shop.config.parent / "items.csv"
    whole = items.read_text()
    catalogue = pl.read_csv(items)
    catalogue.with_columns(in_stock=(pl.col("isbn") != "i-004").cast(pl.Int64)).write_csv(items)
    text = till.shop.config.read_text()
    # So many at once in so small a shop are what a gate is there for.
    code, _, said = till.run("--since-last")
    limit = "serving: {gates: {judge_from: 10, most_rescored: 0.1}}\n"
    assert code == 0, said
    assert till.shop.rows(shown) == []
    assert who <= till.rescored()
    till.sell(("c-002", "i-007", 1), *((f"c-{number:03}", "i-008", 1) for number in range(10, 20)))
    till.shop.config.write_text(text + limit)
    before = till.lists()
    code, _, said = till.run("--since-last")
    assert code == 2
    assert any("of the customers of the release would get other lists" in line for line in said)
    assert till.lists() == before
    till.shop.config.write_text(text)
    items.write_text(whole)


def test_what_was_made_anew_is_taken_back_and_stays_away_until_somebody_says_so(till: Till) -> None:
    till.sell(("c-005", "i-007", 1))
    assert till.run("--since-last")[0] == 0
    assert till.shop.call("rollback", "recommendations", "--rescored", "--reason", "a broken till") == 0
    assert till.rescored() >= {"c-005"}
    pinned = till.lists()
    code, out, _ = till.run("--since-last")
    assert (code, "recommendations is pinned by" in out) == (0, True)
    assert till.lists() == pinned
    assert till.shop.call("rollback", "recommendations", "--rescored", "--reason", "again") == 1
    assert till.shop.call("unpin", "recommendations") == 0
    assert till.run("--since-last")[1].startswith("1 customer")


def test_a_model_that_is_gone_is_named_with_what_makes_it_again(till: Till) -> None:
    till.sell(("c-006", "i-007", 1))
    models = till.lake.root / "models"
    assert models.exists()
    away = models.rename(models.with_name("models-away"))
    before = till.lists()
    code, _, said = till.run("--since-last")
    away.rename(models)
    assert code == 1
    assert any(f"`ml-assets run --date {NEWEST}`" in line for line in said)
    assert till.lists() == before


def test_it_is_no_run_of_a_day(till: Till) -> None:
    assert till.run("--since-last", "--date", str(NEWEST))[0] == 1


def test_the_run_of_the_day_knows_it_all_and_leaves_nothing_to_make_anew(till: Till) -> None:
    till.sell(("c-007", "i-007", 1))
    assert till.run("--since-last")[0] == 0
    assert till.run("--date", str(NEWEST))[0] == 0
    assert till.rescored() == set()
    assert till.run("--since-last")[1].startswith("1 customer")
