"""A shop where many orders have no customer: left out and counted, or one-off customers who teach and get no lists."""

import json
from collections.abc import Iterator

import polars as pl
import pytest

from ml_assets.lake import Lake
from ml_assets_tests.cli.shops import Shop, running_shop

pytestmark = pytest.mark.long

DAY = "2024-05-31"
ONLY_GUESTS_BUY = ("g-1", "g-2")


@pytest.fixture(scope="module")
def shop(embedded_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Every fourth order has no customer, and guests buy two items together that nobody else buys."""
    with running_shop(embedded_url, tmp_path_factory.mktemp("guests"), "guests_shop") as found:
        for path in (found.config.parent / "events").glob("*.parquet"):
            frame = pl.read_parquet(path)
            guests = frame.filter(pl.col("receipt").rank("dense") % 4 == 0).with_columns(buyer=pl.lit(None, pl.String))
            orders = guests.unique("receipt", maintain_order=True)
            pairs = [orders.with_columns(isbn=pl.lit(item), paid=pl.lit(1.0)) for item in ONLY_GUESTS_BUY]
            others = frame.join(guests.select("receipt").unique(), on="receipt", how="anti")
            pl.concat([others, guests, *pairs]).write_parquet(path)
        yield found


def lines_without_a_buyer(shop: Shop) -> int:
    return sum(
        pl.read_parquet(path)["buyer"].null_count() for path in (shop.config.parent / "events").glob("*.parquet")
    )


def doctor(shop: Shop, capfd: pytest.CaptureFixture[str]) -> dict[str, str]:
    capfd.readouterr()
    shop.call("doctor", "--json")
    findings = json.loads(capfd.readouterr().out)
    return {one["about"]: f"{one['level']}: {one['words']} {one['fix']}" for one in findings}


def test_guests_are_left_out_and_counted_and_then_teach(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    guests = lines_without_a_buyer(shop)
    told = doctor(shop, capfd)["guests"]
    assert told.startswith("warning")
    assert "events.guests: one_off" in told
    assert shop.call("run", "--date", DAY) == 0
    said = capfd.readouterr().err
    assert "are of guests, without a customer: left out (events.guests)" in said
    assert "warning" not in said
    found = "found: times without a zone of their own are in Europe/Berlin (timezone says otherwise)"
    assert said.count(found) == 1
    lake = Lake(shop.home / "lake" / "books")
    assert lake.scan("transactions", lake.partitions("transactions")).collect()["customer_id"].null_count() == 0

    shop.config.write_text(shop.config.read_text() + "events: {guests: one_off}\n")
    assert doctor(shop, capfd)["guests"].startswith("good")
    capfd.readouterr()
    assert shop.call("quarantine", "retry", "--reason", "missing_customer_id", "--json") == 0
    assert json.loads(capfd.readouterr().out)["after"] == 0
    loaded = lake.scan("transactions", lake.partitions("transactions")).collect()
    assert loaded["customer_id"].null_count() == guests
    assert loaded["order_id"].null_count() == 0
    capfd.readouterr()
    assert shop.call("run", "--date", DAY) == 0
    assert "found:" not in capfd.readouterr().err
    known = {f"c-{number:03}" for number in range(40)}
    for asset in ("recommendations", "segment_assignments", "customer_features"):
        assert set(lake.read(asset, DAY)["customer_id"]) <= known
    readers = "SELECT customer_id FROM books_ml.{} WHERE customer_id IS NULL OR customer_id NOT LIKE 'c-0%'"
    for view in ("recommendations", "segment_assignments"):
        assert shop.rows(readers.format(view)) == []
    similar = "SELECT similar_item_id FROM books_ml.similar_items WHERE item_id = 'g-1' ORDER BY rank LIMIT 1"
    assert shop.rows(similar) == [("g-2",)]
    assert shop.rows("SELECT count(*) FROM books_ml.popular_items WHERE item_id LIKE 'g-%'")[0][0] > 0


def test_a_customer_is_erased_beside_guests_who_stay(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    lake = Lake(shop.home / "lake" / "books")
    before = lake.read("transactions", DAY)
    who = before["customer_id"].drop_nulls()[0]
    assert shop.call("erase", "--customer", who, "--verify") == 0
    after = lake.read("transactions", DAY)
    assert after.equals(before.filter(pl.col("customer_id").ne_missing(who)))
    assert shop.call("run", "--date", DAY) == 0
    assert lake.read("transactions", DAY)["customer_id"].null_count() == before["customer_id"].null_count()
