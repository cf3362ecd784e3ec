"""Columns that are computed: SQL over a file's columns in place of a column's name."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ml_assets.events.contract import CheckedLines
from ml_assets.events.load import load_days
from ml_assets.settings.events import EventSettings
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import FilesSource
from ml_assets.sources.files import Files
from ml_assets_tests.refused import refused

DAY = date(2026, 9, 13)
LINES = """InvoiceNo,CustomerID,StockCode,Quantity,Unit Price,Paid on,Status
1001,17,A1,2,"1,50",13.09.2026 08:26,paid
1001,17,B2,3,"2,00",13.09.2026 08:26,paid
1002,,A1,1,"1,50",13.09.2026 09:00,paid
C1003,17,A1,1,"1,50",13.09.2026 10:00,paid
1004,18,B2,1,"2,00",13.09.2026 11:00,cancelled
"""
COLUMNS = {
    "customer": "coalesce(CustomerID, 'guest-' || InvoiceNo)",
    "item": "StockCode",
    "time": "Paid on",
    "quantity": "Quantity",
    "amount": '"Unit Price" * Quantity',
    "order": "InvoiceNo",
    "event_type": "CASE WHEN starts_with(InvoiceNo, 'C') THEN 'return' ELSE 'purchase' END",
}


def shop(folder: Path, *, lines: str = LINES, columns: dict[str, str] | None = None, **more: Any) -> Files:
    (folder / "orders.csv").write_text(lines)
    chosen = FilesSource(
        **{"kind": "files", "events": str(folder / "orders.csv"), "columns": COLUMNS | (columns or {}), **more}
    )
    return Files(Settings(home=folder / "home", source=chosen), chosen, today=date(2026, 12, 31))


def load(source: Files) -> CheckedLines:
    return load_days(source, [DAY], EventSettings())[DAY]


def test_values_are_computed_from_text_in_the_shops_way_to_write_numbers(tmp_path: Path) -> None:
    checked = load(shop(tmp_path, where="Status <> 'cancelled'"))
    assert checked.valid.select("customer_id", "quantity", "amount", "order_id").rows() == [
        ("17", 2.0, 3.0, "1001"),
        ("17", 3.0, 6.0, "1001"),
        ("guest-1002", 1.0, 1.5, "1002"),
    ]
    assert checked.valid["occurred_at"][0] == datetime(2026, 9, 13, 8, 26, tzinfo=UTC)


def test_lines_that_the_condition_leaves_out_are_counted_with_their_place(tmp_path: Path) -> None:
    checked = load(shop(tmp_path, where="Status <> 'cancelled' AND Quantity < 3"))
    assert checked.quarantined.select("reason", "line").sort("line").rows() == [
        ("left_out", 2),
        ("return", 4),
        ("left_out", 5),
    ]
    assert checked.valid.height + checked.quarantined.height == checked.read == 5


def test_a_condition_that_cannot_be_told_leaves_the_line_out(tmp_path: Path) -> None:
    checked = load(shop(tmp_path, where="CustomerID <> '18'"))
    assert checked.quarantined.filter(reason="left_out")["line"].to_list() == [3, 5]


def test_a_sum_of_text_columns_is_a_sum_and_no_text(tmp_path: Path) -> None:
    found = load(shop(tmp_path, columns={"amount": '"Unit Price" + Quantity'}))
    assert found.valid["amount"].sort().to_list() == [2.5, 3.0, 3.5, 5.0]


def test_a_number_that_an_expression_cannot_read_is_no_value_of_its_line_only(tmp_path: Path) -> None:
    lines = LINES + "".join(f'{n},17,A1,1,"1,50",13.09.2026 12:00,paid\n' for n in range(2000, 2040))
    found = load(shop(tmp_path, lines=lines.replace('"2,00"', "gift", 1)))
    assert found.valid.filter(pl.col("amount").is_null()).height == 1
    assert found.valid.height == 4 + 40


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"amount": "UnitPrice * Quantity"}, r"orders\.csv has no column UnitPrice, which source\.columns\.amount"),
        ({"amount": "Quantity *"}, r"source\.columns\.amount: Quantity \* cannot be computed"),
        ({"amount": "sum(Quantity)"}, r"sum\(Quantity\) cannot be computed: it gives no single value"),
        ({"amount": "StockCode * Quantity"}, r"source\.columns\.amount: StockCode \* Quantity cannot be computed"),
        ({"item": "SKU"}, r"orders\.csv has no column SKU \(it has: InvoiceNo"),
        ({"item": "frob(StockCode)"}, r"source\.columns\.item: frob\(StockCode\) cannot be computed: unsupported"),
        ({"item": "StockCode; DROP TABLE x"}, r"has no column StockCode; DROP TABLE x"),
        ({"item": "(SELECT StockCode FROM self)"}, r"source\.columns\.item: \(SELECT"),
    ],
)
def test_a_mistaken_expression_is_named_with_its_setting(tmp_path: Path, columns: dict[str, str], words: str) -> None:
    with refused("source.unreadable", words):
        shop(tmp_path, columns=columns).days()


def test_dates_that_are_computed_are_times(tmp_path: Path) -> None:
    found = shop(tmp_path, columns={"time": "strptime(\"Paid on\", '%d.%m.%Y %H:%M')"})
    assert (found.days().first, found.days().last) == (DAY, DAY)


def test_items_may_be_computed_too(tmp_path: Path) -> None:
    found = shop(tmp_path, columns={"item_name": "upper(StockCode) || ' (' || Status || ')'"})
    assert found.read_items().filter(item_id="A1")["item_name"].to_list() == ["A1 (paid)"]


def test_columns_that_were_renamed_or_added_are_read_in_files_of_all_ages(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("CustomerID,sku,at\n1,a,2026-09-13 10:00\n")
    (tmp_path / "2.csv").write_text("customer_id,sku,at,discount\n2,b,2026-09-13 11:00,3\n")
    columns = {
        "customer": "coalesce(customer_id, CustomerID)",
        "item": "sku",
        "time": "at",
        "amount": "coalesce(discount, 0)",
    }
    chosen = FilesSource.model_validate({"kind": "files", "events": str(tmp_path / "*.csv"), "columns": columns})
    files = Files(Settings(home=tmp_path / "home", source=chosen), chosen, today=date(2026, 12, 31))
    assert files.id_types().customer == "bigint"
    assert files.read_lines(DAY, DAY).select("customer_id", "amount").rows() == [(1, 0.0), (2, 3.0)]


def test_a_column_that_was_renamed_without_a_word_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("CustomerID,sku,at\n1,a,2026-09-13 10:00\n")
    (tmp_path / "2.csv").write_text("customer_id,sku,at\n2,b,2026-09-13 11:00\n")
    columns = {"customer": "CustomerID", "item": "sku", "time": "at"}
    chosen = FilesSource.model_validate({"kind": "files", "events": str(tmp_path / "*.csv"), "columns": columns})
    files = Files(Settings(home=tmp_path / "home", source=chosen), chosen, today=date(2026, 12, 31))
    with refused("source.unreadable", r"2\.csv has no column CustomerID \(it has: customer_id, sku, at\)"):
        files.days()
