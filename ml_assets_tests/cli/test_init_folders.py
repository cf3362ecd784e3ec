"""`ml-assets init` on data that is no single table with a header: made up in the shapes that shops and studies have."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import polars as pl
import pytest

from ml_assets.settings.read.load import load_settings
from ml_assets_tests.cli.calls import Run
from ml_assets_tests.cli.test_init import loaded, run

__all__ = ["run"]
FIRST = datetime(2026, 9, 1, 10, tzinfo=UTC)
# Orders of two lines: order, customer, time, items.
ORDERS = [(100 + n, n % 6 + 1, FIRST + timedelta(days=n, minutes=n), (n % 5, 5 + n % 3)) for n in range(24)]


def write(name: str, header: str, rows: Sequence[Sequence[object]], separator: str = ",") -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    lines = [header, *(separator.join(map(str, row)) for row in rows)] if header else [
        separator.join(map(str, row)) for row in rows
    ]  # fmt: skip
    Path(name).write_text("\n".join(lines) + "\n")


def test_a_file_without_header_and_with_padded_columns_is_read_once_its_columns_are_named(run: Run) -> None:
    # Two columns with decimals: the values do not tell which is the amount.
    kinds = [(f" {who:05}", f"{at:%Y%m%d}", "  1.50", f"  {order}.50") for order, who, at, _ in ORDERS]
    write("orders.txt", "", kinds, " ")
    code, _, errors = run("init", "--from", "orders.txt", "--yes")
    assert (code, Path("ml_assets.yaml").exists()) == (1, False)
    assert "the customer or the item (it has: column_1, column_2, column_3, column_4)" in errors
    assert "no header line; it begins: 00001 20260901 1.50 100.50" in errors
    assert "--column customer=COLUMN --column item=COLUMN" in errors
    named = ("--column", "customer=column_1", "--column", "item='all'", "--column", "amount=column_4")
    code, shown, _ = run("init", "--from", "orders.txt", "--yes", *named)
    assert code == 0
    assert "blanks between fields, no header line" in shown
    found = loaded()
    assert found.valid.height == len(ORDERS)
    assert found.valid["customer_id"].unique().sort().to_list() == [f"{n:05}" for n in range(1, 7)]
    assert found.valid["amount"].sum() == sum(order + 0.5 for order, *_ in ORDERS)


def test_orders_may_stand_for_customers_where_the_shop_wants_it(run: Run) -> None:
    rows = [(f"{at:%Y-%m-%d}", f"{at:%H:%M:%S}", order, f"Bread {n}") for order, _, at, items in ORDERS for n in items]
    write("till.csv", "Date,Time,Transaction,Item", rows)
    assert run("init", "--from", "till.csv", "--yes")[0] == 0
    assert loaded().valid["customer_id"].null_count() == 48
    assert run("init", "--from", "till.csv", "--yes", "--force", "--column", "customer=Transaction")[0] == 0
    found = loaded().valid
    assert (found.height, found["order_id"].n_unique()) == (48, 24)
    assert found["occurred_at"].min() == FIRST


def test_orders_without_dates_are_laid_on_a_calendar_from_a_given_day(run: Run) -> None:
    rng = random.Random(5)
    orders, lines, order = [], [], 5000
    for who in range(1, 9):
        for number in range(1, 5):
            order += rng.randrange(1, 9)
            orders.append((order, who, number, 3, f"{8 + number:02}", "" if number == 1 else f"{number}.0"))
            lines += [(order, item, place) for place, item in enumerate((1, 2 + number), 1)]
    write("data/orders.csv", "order_id,user_id,order_number,order_dow,order_hour_of_day,days_since_prior_order", orders)
    write("data/order_products__prior.csv", "order_id,product_id,add_to_cart_order", lines[:40])
    write("data/order_products__train.csv", "order_id,product_id,add_to_cart_order", lines[40:])
    write("data/products.csv", "product_id,product_name", [(n, f"Thing {n}") for n in range(1, 9)])
    write("data/aisles.csv", "aisle_id,aisle", [(1, "fruit"), (2, "tea")])
    code, _, errors = run("init", "--from", "data", "--yes")
    assert code == 1
    assert "Orders have no date, but days_since_prior_order: give --start 2024-01-01" in errors
    code, shown, _ = run("init", "--from", "data", "--yes", "--start", "2026-01-01", "--timezone", "UTC")
    assert code == 0
    assert "the shape of Instacart's orders" in shown
    assert "Left alone: data/aisles.csv" in shown
    found = loaded()
    assert found.valid.height == len(lines)
    second = found.valid.filter(
        pl.col("occurred_at").is_between(datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 1, 3, 23, tzinfo=UTC))
    )
    assert second["occurred_at"].unique().to_list() == [datetime(2026, 1, 3, 10, tzinfo=UTC)]
    # The fourth order comes 2 + 3 + 4 days after the first.
    assert found.valid["day"].max() == date(2026, 1, 10)
    assert load_settings().source.model_dump()["item_columns"]["name"] == "product_name"


def test_orders_that_are_not_those_of_the_lines_are_named(run: Run) -> None:
    write("data/orders.csv", "order_id,user_id,days_since_prior_order", [(n, n % 3, 1) for n in range(30)])
    write("data/lines.csv", "order_id,product_id", [(n, n % 3) for n in range(900, 930)])
    code, _, errors = run("init", "--from", "data", "--yes")
    assert code == 1
    assert "Lines and orders do not belong together: data/orders.csv has 0.0% of their orders" in errors


def test_orders_and_their_lines_in_one_folder_are_joined(run: Run) -> None:
    states = {100: "canceled", 103: "refunded"}
    orders = [(o, c, at, states.get(o, "shipped")) for o, c, at, _ in ORDERS]
    write("data/orders.csv", "id,customer_id,placed_at,status", orders)
    write("data/order_items.csv", "id,order_id,sku,price", [(n, ORDERS[n // 2][0], n % 7, 1.5) for n in range(48)])
    assert run("init", "--from", "data", "--yes")[0] == 0
    found = loaded()
    assert (found.valid.height, found.valid["customer_id"].n_unique()) == (44, 6)
    assert found.quarantined["reason"].to_list() == ["return"] * 4
    assert 'orders_on: "order_id = id"' in Path("ml_assets.yaml").read_text()


def test_files_of_other_ages_are_read_by_the_names_that_they_have(run: Run) -> None:
    rows = [(who, item, at, order) for order, who, at, items in ORDERS for item in items]
    write("data/2026-09.csv", "CustomerNo,StockCode,OrderDate,Value", rows[:20])
    write("data/2026-10.csv", "customer_id,StockCode,OrderDate,OrderId,amount", [(*row, 2.5) for row in rows[20:]])
    code, shown, errors = run("init", "--from", "data", "--yes")
    assert code == 0, errors
    assert "coalesce(customer_id, CustomerNo)" in shown
    found = loaded()
    assert (found.valid.height, found.valid["customer_id"].n_unique()) == (48, 6)
    assert found.valid["amount"].sum() == 28 * 2.5


def tracked() -> str:
    """Events with their items in a list; one without."""
    lines = []
    for order, who, at, items in ORDERS:
        base = {"user_pseudo_id": f"p{who}", "event_timestamp": int(at.timestamp() * 1e6)}
        of_order = {"ecommerce": {"transaction_id": str(order)}}
        goods = [{"item_id": f"A{n}", "item_name": f"Thing {n}", "price": 2.0, "quantity": 2} for n in items]
        lines.append(base | {"event_name": "page_view", "items": [], "ecommerce": None})
        lines.append(base | {"event_name": "view_item_list", "items": goods, "ecommerce": None})
        lines.append(base | {"event_name": "purchase", "items": goods} | of_order)
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.mark.parametrize("kind", ["ndjson", "parquet"])
def test_events_with_lists_of_items_become_a_line_for_each(run: Run, kind: str) -> None:
    Path("events.ndjson").write_text(tracked())
    if kind == "parquet":
        pl.read_ndjson("events.ndjson", infer_schema_length=None).write_parquet("events.parquet")
    code, shown, _ = run("init", "--from", f"events.{kind}", "--yes")
    assert code == 0
    assert "looks like Google Analytics 4 events" in shown
    found, weights = loaded(), load_settings().events.weights
    bought = found.valid.filter(event_type="purchase")
    assert (bought.height, bought["amount"].sum(), bought["order_id"].n_unique()) == (48, 192.0, 24)
    assert (weights["purchase"], weights["view_item_list"]) == (1, 0)
    # A line of quarantine is found in the file: the page view is the first of every three.
    assert found.quarantined["line"].unique().sort().to_list() == [3 * n + 1 for n in range(24)]


def test_kinds_of_events_weigh_what_their_words_say(run: Run) -> None:
    kinds = ("view_product", "add_to_cart", "purchase", "remove_from_cart", "refunded", "thing_happened")
    rows = [(n % 5, n % 7, FIRST + timedelta(hours=n), kinds[n % 6]) for n in range(60)]
    write("events.csv", "user_id,item_id,timestamp,event", rows)
    assert run("init", "--from", "events.csv", "--yes")[0] == 0
    rules = load_settings().events
    weights = {"view_product": 0.1, "add_to_cart": 0.3, "purchase": 1, "remove_from_cart": 0, "thing_happened": 0}
    assert (rules.weights, rules.return_types) == (weights, ["refunded"])


@pytest.mark.parametrize("stream", [True, False])
def test_arrow_files_and_streams_are_read(run: Run, *, stream: bool) -> None:
    rows = [(f"c{who}", f"i{item}", at) for _, who, at, items in ORDERS for item in items]
    frame = pl.DataFrame(rows, ["Customer ID", "Product ID", "Order Date"], orient="row")
    frame = frame.with_columns(pl.col("Product ID").cast(pl.Categorical))
    frame.write_ipc_stream("orders.arrow") if stream else frame.write_ipc("orders.arrow")
    assert run("init", "--from", "orders.arrow", "--yes")[0] == 0
    assert loaded().valid["item_id"].n_unique() == 8


def test_a_file_that_is_named_is_read_whatever_its_ending(run: Run) -> None:
    write(
        "orders.inter",
        "user_id:token\titem_id:token\ttimestamp:float",
        [(w, n, int(at.timestamp())) for n, w, at, _ in ORDERS],
        "\t",
    )
    assert run("init", "--from", "orders.inter", "--yes")[0] == 0
    assert loaded().valid.height == len(ORDERS)


def test_postage_and_fees_are_no_goods(run: Run) -> None:
    names = {1: "Tea", 2: "POSTAGE", 3: "Next Day Carriage", 4: "Delivery van (toy)", 5: "Gift card", 6: "Bank Charges"}
    rows = [(n % 5, n % 6 + 1, FIRST + timedelta(hours=n), names[n % 6 + 1], 1.5) for n in range(60)]
    write("orders.csv", "user_id,Stock No,ordered_at,description,price", rows)
    assert run("init", "--from", "orders.csv", "--yes")[0] == 0
    assert (
        "nobody wants them recommended: Bank Charges, Next Day Carriage, POSTAGE" in Path("ml_assets.yaml").read_text()
    )
    found = loaded()
    assert found.valid["item_id"].unique().sort().to_list() == [1, 4, 5]
    assert found.quarantined["reason"].unique().to_list() == ["left_out"]


class Terminal(StringIO):
    """Answers that somebody types."""

    def isatty(self) -> bool:
        return True


def test_what_is_missing_is_asked_until_the_answer_can_be_used(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write("data/orders.csv", "order_id,user_id,order_number,days_since_prior_order", [(1, 7, 1, ""), (2, 7, 2, 3)])
    write("data/lines.csv", "order_id,product_id", [(1, 5), (1, 6), (2, 5)])
    answers = ["2026-13-01", "2026-01-01", "Nowhere", "Europe/Berlin"]
    monkeypatch.setattr("sys.stdin", Terminal("\n".join(answers) + "\n"))
    code, shown, errors = run("init", "--from", "data")
    assert code == 0, errors
    assert "2026-13-01 is no day such as 2024-01-01" in shown + errors
    assert "Nowhere is no IANA time zone" in shown + errors
    assert "(times in Europe/Berlin)" in shown
    assert "2026-01-04 00:00:00" in shown
    assert load_settings().timezone == "Europe/Berlin"
