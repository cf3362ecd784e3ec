"""`ml-assets init --from postgresql://...`: tables found and put together, rights, no password in a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import conninfo

from ml_assets.settings.read.load import load_settings
from ml_assets.sources.build import build_source
from ml_assets_tests.cli.calls import Run, caller_in_words

PASSWORD = "s3cret-word"
ROLE = f"DROP ROLE IF EXISTS init_reader; CREATE ROLE init_reader LOGIN PASSWORD '{PASSWORD}'"
SHOP = """
    CREATE SCHEMA sales;
    CREATE TABLE sales.orders (id bigint PRIMARY KEY, customer_id bigint, created_at timestamptz,
        status text, updated_at timestamptz DEFAULT now());
    CREATE TABLE sales.order_lines (id bigint PRIMARY KEY, order_id bigint, "Sku" text, quantity integer,
        price numeric(10, 2), picture bytea, extra jsonb);
    CREATE TABLE sales.products (sku text, title text);
    CREATE TABLE public.staff (name text, since date);
    CREATE TABLE public.empty_orders (order_id bigint, customer_id bigint, sku text, created_at timestamptz);
    CREATE TABLE public.secrets (customer_id bigint, order_id bigint, item_id bigint, amount numeric);
    INSERT INTO sales.orders SELECT n, n % 30, timestamptz '2026-03-02' + n * interval '5 hours', 'paid'
        FROM generate_series(0, 299) AS n;
    INSERT INTO sales.order_lines SELECT 2 * n + k, n, 'sku-' || (n + 7 * k) % 25, 1 + k, 2.5, 'x', '{}'
        FROM generate_series(0, 299) AS n, generate_series(0, 1) AS k;
    INSERT INTO sales.products SELECT 'sku-' || n, 'Thing ' || n FROM generate_series(0, 24) AS n;
    ANALYZE;
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `ml-assets ...` in an empty folder; exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    return caller_in_words(monkeypatch, capfd)


@contextmanager
def made(url: str, statements: LiteralString) -> Iterator[psycopg.Connection[Any]]:
    """A shop's tables, and a role `init_reader` that is gone in the end."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(ROLE)
        connection.execute(statements)
        yield connection
        connection.execute("DROP OWNED BY init_reader; DROP ROLE init_reader")


@pytest.fixture
def shop(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with made(postgres_url, SHOP) as connection:
        yield connection


def as_reader(url: str) -> str:
    """The address for the role that may read nothing yet."""
    parts = conninfo.conninfo_to_dict(url)
    host = str(parts["host"]).replace("/", "%2F")
    port = f"&port={parts['port']}" if parts.get("port") else ""
    return f"postgresql://init_reader:{PASSWORD}@/{parts['dbname']}?host={host}{port}"


def test_a_database_is_looked_into_with_the_rights_that_it_names(
    run: Run, shop: psycopg.Connection[Any], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = as_reader(postgres_url)
    asked = ("init", "--from", url, "--yes", "--timezone", "UTC")
    code, _, error = run(*asked)
    assert code == 1
    assert "init_reader may read no table with orders; there are" in error
    assert "GRANT USAGE ON SCHEMA sales TO init_reader;" in error
    shop.execute("GRANT USAGE ON SCHEMA sales TO init_reader")
    shop.execute("GRANT SELECT ON sales.orders, sales.order_lines, sales.products, staff, empty_orders TO init_reader")
    code, said, error = run(*asked)
    assert code == 0, error
    assert "PostgreSQL, sales.order_lines (about 600 lines); events from 2026-03-02" in said
    written = Path("ml_assets.yaml").read_text(encoding="utf-8")
    for line in ("kind: postgres", "LEFT JOIN sales.orders AS orders ON lines.order_id = orders.id", "time: created_at",
                 "updated_at: updated_at", 'statement_timeout: "30m"', "items: sales.products"):  # fmt: skip
        assert line in written
    rights = "GRANT SELECT ON sales.order_lines, sales.orders, sales.products TO ml_assets_source;"
    index = "CREATE INDEX CONCURRENTLY ON sales.orders (created_at);"
    for words in (said, " ".join(written.replace("# ", "").split())):
        assert PASSWORD not in words
        assert rights in words
        assert index in words
        assert "ML_ASSETS_SOURCE__URL" in words
    monkeypatch.setenv("ML_ASSETS_SOURCE__URL", url)
    source = build_source(load_settings(), today=date(2026, 12, 31))
    lines = source.read_lines(date(2026, 3, 2), date(2026, 12, 31))
    assert (lines.height, lines["customer_id"].n_unique(), lines["amount"].sum()) == (600, 30, 300 * 2.5 * 3)
    assert len(source.read_items()["item_name"].drop_nulls()) == 25

    query = 'SELECT o.customer_id, l."Sku" AS sku, o.created_at FROM sales.orders AS o JOIN sales.order_lines AS l '
    code, said, error = run(*asked, "--force", "--table", f"{query} ON l.order_id = o.id")
    assert code == 0, error
    assert "GRANT SELECT ON sales.orders, sales.order_lines TO ml_assets_source;" in said.replace(
        "sales.order_lines, sales.orders", "sales.orders, sales.order_lines"
    )
    assert PASSWORD not in said + Path("ml_assets.yaml").read_text(encoding="utf-8")

    code, _, error = run(*asked, "--force", "--table", "sales.nothing")
    assert code == 1
    assert 'relation "sales.nothing" does not exist' in error
    code, _, error = run("init", "--from", "postgresql://someone:hidden@127.0.0.1:1/none", "--yes", "--force")
    assert code == 1
    assert "Check the address given as --from" in error
    assert "hidden" not in error
    shop.execute("DROP SCHEMA sales CASCADE; DROP TABLE secrets")
    code, _, error = run(*asked, "--force")
    assert code == 1
    assert "empty_orders are empty" in error
    shop.execute("DROP TABLE empty_orders")
    code, _, error = run(*asked, "--force")
    assert code == 1
    assert "no table that looks like orders" in error
    assert "--table" in error
