"""Tables of SQLite and DuckDB files as a source."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ml_assets.settings.shop import Settings
from ml_assets.sources.base import EventSource
from ml_assets.sources.build import build_source
from ml_assets_tests.refused import refused

DAY = date(2026, 9, 1)
TABLES = """
    CREATE TABLE orders (order_id INTEGER, customer_id BIGINT, placed_at VARCHAR);
    INSERT INTO orders VALUES (1, 9007199254740993, '2026-09-01 10:00:00'), (2, 18, '2026-09-01 11:00:00');
    CREATE TABLE lines (order_id INTEGER, sku VARCHAR, n INTEGER, price DOUBLE, status VARCHAR);
    INSERT INTO lines VALUES (1, '007', 2, 1.25, 'paid'), (1, 'x', 1, 2.5, 'paid'), (2, 'x', 1, 2.5, 'cancelled');
    CREATE TABLE products (sku VARCHAR, title VARCHAR);
    INSERT INTO products VALUES ('007', 'Käse'), ('x', 'Tea');
    CREATE VIEW order_lines AS SELECT * FROM orders JOIN lines USING (order_id);
"""
COLUMNS = {
    "customer": "customer_id",
    "item": "sku",
    "time": "placed_at",
    "order": "order_id",
    "quantity": "n",
    "amount": "price * n",
}
Make = Callable[..., EventSource]


@pytest.fixture(params=["sqlite", "duckdb"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    path = tmp_path / "shop.db"
    if request.param == "sqlite":
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(TABLES)
    else:
        with duckdb.connect(str(path)) as database:
            database.execute(TABLES)

    def make(**more: Any) -> EventSource:
        source = {"kind": request.param, "database": str(path), "table": "order_lines", "columns": COLUMNS, **more}
        settings = Settings.model_validate({"home": tmp_path / "home", "source": source})
        return build_source(settings, today=date(2026, 9, 30))

    return make


@pytest.mark.parametrize("table", ["order_lines", "SELECT * FROM orders JOIN lines USING (order_id)"])
def test_a_view_or_query_is_read_with_ids_as_they_are(shop: Make, table: str) -> None:
    source = shop(table=table)
    lines = source.read_lines(DAY, DAY).sort("customer_id", "item_id")
    assert lines.select("customer_id", "item_id", "order_id", "quantity", "amount").rows() == [
        (18, "x", "2", 1.0, 2.5),
        (9007199254740993, "007", "1", 2.0, 2.5),
        (9007199254740993, "x", "1", 1.0, 2.5),
    ]


def test_where_items_and_orders_are_tables_as_well(shop: Make) -> None:
    source = shop(
        table="lines",
        orders="orders",
        where="status <> 'cancelled'",
        items="products",
        item_columns={"item": "sku", "name": "title"},
    )
    lines = source.read_lines(DAY, DAY)
    assert sorted(lines["unreadable"].fill_null("").to_list()) == ["", "", "where"]
    assert source.read_items().select("item_id", "item_name").rows() == [("007", "Käse"), ("x", "Tea")]


def test_what_is_not_there_is_named(shop: Make, tmp_path: Path) -> None:
    for wrong, words in (
        ({"table": "nothing"}, "nothing.*"),
        ({"columns": {**COLUMNS, "item": "isbn"}}, "isbn"),
        ({"database": str(tmp_path / "gone.db")}, "gone.db"),
    ):
        with refused("source.unreadable", words):
            shop(**wrong).days()


def test_nothing_is_written_beside_or_into_the_file(shop: Make, tmp_path: Path) -> None:
    before = (tmp_path / "shop.db").read_bytes()
    shop().read_lines(DAY, DAY)
    assert (tmp_path / "shop.db").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"shop.db", "home"}
