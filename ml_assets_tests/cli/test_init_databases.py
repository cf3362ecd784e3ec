"""`ml-assets init --from` a SQLite or DuckDB file, and exports that say nothing of items or of customers."""

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from ml_assets.settings.read.load import load_settings
from ml_assets.sources.build import build_source
from ml_assets_tests.cli.calls import Run, caller_in_words

FIRST = date(2026, 3, 2)
TODAY = date(2026, 12, 31)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `ml-assets ...` in an empty folder; exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    return caller_in_words(monkeypatch, capfd)


def orders() -> list[tuple[int, int, str, str, float]]:
    """id, customer, time, status, and what all of it cost, which is no line's amount."""
    return [(n, n % 30, f"{FIRST + timedelta(days=n // 5)} 10:00:00", "paid", 7.5) for n in range(300)]


def order_lines() -> list[tuple[int, int, str, int, float]]:
    """id, order, item, pieces, price."""
    return [(2 * n + k, n, f"sku-{(n + 7 * k) % 25:02}", 1 + k, 2.5) for n in range(300) for k in range(2)]


def fill(database: sqlite3.Connection | duckdb.DuckDBPyConnection) -> None:
    database.execute("CREATE TABLE orders (id integer, customer_id integer, created_at text, status text, total real)")
    database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", orders())
    database.execute("CREATE TABLE order_lines (id integer, order_id integer, sku text, quantity integer, price real)")
    database.executemany("INSERT INTO order_lines VALUES (?, ?, ?, ?, ?)", order_lines())
    database.execute("CREATE TABLE products (sku text, title text)")
    database.executemany("INSERT INTO products VALUES (?, ?)", [(f"sku-{n:02}", f"Thing {n}") for n in range(25)])
    # As views of old databases are called, and pictures beside: some of the products only.
    database.execute('CREATE TABLE "A list of products" (sku text, title text, picture blob)')
    database.executemany(
        'INSERT INTO "A list of products" VALUES (?, ?, ?)',
        [(f"sku-{n:02}", f"Thing {n}", b"\xff\xd8") for n in range(9)],
    )
    database.execute("CREATE TABLE staff (name text, since text)")
    database.execute("INSERT INTO staff VALUES ('Ann', '2020-01-01')")
    database.execute("CREATE TABLE notes (text text)")


def read_back() -> tuple[int, int, float, int]:
    """Lines, customers, their sum, and items with a name, as the written settings read them."""
    source = build_source(load_settings(), today=TODAY)
    covered = source.days()
    lines = source.read_lines(covered.first, covered.last)
    names = source.read_items()["item_name"].drop_nulls()
    return lines.height, lines["customer_id"].drop_nulls().n_unique(), float(lines["amount"].sum()), len(names)


@pytest.mark.parametrize(
    ("file", "kind", "words"), [("shop.db", "sqlite", "SQLite"), ("shop.duckdb", "duckdb", "DuckDB")]
)
def test_tables_of_a_database_file_are_found_and_put_together(run: Run, file: str, kind: str, words: str) -> None:
    with closing(sqlite3.connect(file) if kind == "sqlite" else duckdb.connect(file)) as database:
        fill(database)
        database.commit()
    code, said, _ = run("init", "--from", file, "--yes", "--timezone", "UTC")
    assert code == 0
    assert f"1 file, {words}, table order_lines; events from 2026-03-02" in said
    assert "Left alone: A list of products, staff." in said
    written = Path("ml_assets.yaml").read_text()
    for line in (f"kind: {kind}", f"database: {file}", "table: order_lines", "orders: orders", "items: products"):
        assert line in written
    assert "time: created_at" in written
    assert read_back() == (600, 30, 300 * (2.5 + 5.0), 25)


def test_a_database_file_without_lines_is_refused(run: Run) -> None:
    with closing(sqlite3.connect("empty.db")) as database:
        database.execute("CREATE TABLE orders (id integer)")
        database.commit()
    code, _, error = run("init", "--from", "empty.db", "--yes")
    assert code == 1
    assert "empty.db has no table with lines." in error


def test_totals_of_orders_get_segments_alone(run: Run) -> None:
    lines = [f"{order},{who},{when},{1 + order % 9}.50,DE" for order, who, when, *_ in orders()]
    Path("totals.csv").write_text("\n".join(["order_id,customer_id,created_at,total,country", *lines]) + "\n")
    code, said, _ = run("init", "--from", "totals.csv", "--yes", "--timezone", "UTC")
    assert code == 0
    assert "no column says what was bought: segments and customer value are made" in said
    settings = load_settings()
    assert (settings.recommender.enabled, settings.segmentation.enabled) == (False, True)
    assert read_back()[:2] == (300, 30)


def test_receipts_without_customers_get_similar_and_popular_items(run: Run) -> None:
    times = {order: when for order, _, when, *_ in orders()}
    lines = [f"{order},{item},{times[order]},{pieces}" for _, order, item, pieces, _ in order_lines()]
    Path("receipts.csv").write_text("\n".join(["receipt,item,sold_at,quantity", *lines]) + "\n")
    code, said, _ = run("init", "--from", "receipts.csv", "--yes", "--timezone", "UTC")
    assert code == 0
    assert "no column says who bought: similar and popular items are made" in said
    assert "600 of 600 lines of the newest" in said or "fit (100.0%)" in said
    settings = load_settings()
    assert (settings.events.guests, settings.segmentation.enabled) == ("one_off", False)
    assert read_back()[1] == 0


def test_a_column_that_may_be_the_item_is_asked_for(run: Run) -> None:
    lines = [f"{order},{who},{when},thing {order % 25}" for order, who, when, *_ in orders()]
    Path("orders.csv").write_text("\n".join(["order_id,customer_id,created_at,bezug", *lines]) + "\n")
    code, _, error = run("init", "--from", "orders.csv", "--yes", "--timezone", "UTC")
    assert code == 2
    assert "bezug may hold it" in error
    assert "--column item=COLUMN, or --column item=null" in error
    assert "item: null" in Path("ml_assets.yaml").read_text()
    code, _, _ = run("init", "--from", "orders.csv", "--yes", "--force", "--timezone", "UTC", "--column", "item=null")
    assert code == 0
    assert "item: null" in Path("ml_assets.yaml").read_text()
    code, _, _ = run("init", "--from", "orders.csv", "--yes", "--force", "--timezone", "UTC", "--column", "item=bezug")
    assert code == 0
    assert load_settings().recommender.enabled


def test_totals_in_files_without_a_header_are_told_by_their_values(run: Run) -> None:
    lines = [
        f" {who:05} {when[:10].replace('-', '')} {1 + n % 3:2} {n % 40 + 0.95:7.2f}" for n, who, when, *_ in orders()
    ]
    Path("totals.txt").write_text("\n".join(lines) + "\n")
    code, said, _ = run("init", "--from", "totals.txt", "--yes", "--timezone", "UTC")
    assert code == 0
    assert "customer column_1 by its values alone" in said
    assert "item null no column says what was bought" in said
    assert read_back()[:2] == (300, 30)
