"""`ml-assets init --from postgresql://...` on lines and orders apart: times, states, deleted rows, closed tables."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ml_assets_tests.cli.calls import Run
from ml_assets_tests.cli.test_init_postgres import as_reader, made, run

__all__ = ["run"]
SHOP = """
    CREATE SCHEMA shop;
    CREATE TABLE shop.sales_order (id bigint PRIMARY KEY, buyer_id bigint, placed timestamptz, state text,
        deleted_at timestamptz, changed timestamptz);
    CREATE TABLE shop.sales_line (id bigint PRIMARY KEY, order_id bigint REFERENCES shop.sales_order, "Sku" text,
        net numeric(12, 2), deleted_at timestamptz, added timestamptz, "isVoid" boolean);
    INSERT INTO shop.sales_order SELECT n, n % 30, timestamptz '2026-03-02' + n * interval '5 hours',
        (ARRAY['paid', 'shipped', 'cancelled', 'refunded', 'pending'])[1 + n % 5],
        CASE WHEN n % 100 = 0 THEN timestamptz '2026-11-01' END, '2026-11-20' FROM generate_series(0, 299) AS n;
    INSERT INTO shop.sales_line SELECT 2 * n + k, n, 'sku-' || (n + 7 * k) % 25, 1.25 + n,
        CASE WHEN n % 100 = 1 THEN timestamptz '2026-11-01' END, '2026-11-02', n % 100 = 2
        FROM generate_series(0, 299) AS n, generate_series(0, 1) AS k;
    ANALYZE;
    GRANT USAGE ON SCHEMA shop TO init_reader;
    GRANT SELECT ON shop.sales_line TO init_reader;
"""


@pytest.fixture
def shop(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with made(postgres_url, SHOP) as connection:
        yield connection


def test_the_orders_behind_the_lines_say_when_and_what_came_of_them(
    run: Run, shop: psycopg.Connection[Any], postgres_url: str
) -> None:
    asked = ("init", "--from", as_reader(postgres_url), "--yes", "--timezone", "UTC", "--force")
    code, said, error = run(*asked)
    assert code == 2
    assert "may not read shop.sales_order, to which order_id of shop.sales_line refers; the customer may" in error
    assert "GRANT SELECT ON shop.sales_order TO init_reader;" in error
    shop.execute("ALTER TABLE shop.sales_line RENAME added TO valid_until")
    code, _, error = run(*asked)
    assert code == 1
    assert "the customer and the time may stand there" in error
    assert "GRANT SELECT ON shop.sales_order TO init_reader;" in error
    shop.execute("ALTER TABLE shop.sales_line RENAME valid_until TO added")
    shop.execute("GRANT SELECT ON shop.sales_order TO init_reader")

    code, said, error = run(*asked)
    assert (code, error) == (0, ""), f"{said} {error}"
    written = Path("ml_assets.yaml").read_text(encoding="utf-8")
    for words in ("time: placed", "amount: net", "event_type: state", "return_types: ['cancelled', 'refunded']",
                  r'((deleted_at IS NULL) AND \"isVoid\" IS NOT TRUE) AND deleted_at_of_order IS NULL',
                  "CREATE INDEX CONCURRENTLY ON shop.sales_order (placed);", "# not used: id (numbers, 600 different)",
                  "added (times, 100% filled)"):  # fmt: skip
        assert words in written
    assert "events from 2026-03-02" in said

    shop.execute("ALTER TABLE shop.sales_order RENAME placed TO created_at; ALTER TABLE shop.sales_line DROP added")
    shop.execute("ALTER TABLE shop.sales_line ADD created_at timestamptz; UPDATE shop.sales_line AS l SET created_at = "
                 "o.created_at FROM shop.sales_order AS o WHERE o.id = l.order_id")  # fmt: skip
    code, said, error = run(*asked)
    assert (code, error) == (0, ""), f"{said} {error}"
    assert "CREATE INDEX CONCURRENTLY ON shop.sales_line (created_at);" in said

    for given in ("shop.nope", "SELEC * FROM x"):
        code, _, error = run(*asked, "--table", given)
        assert code == 1
        assert f"--table: {given}: relation" in error
        assert "Give --table the name of a table or view" in error
        assert "source.table" not in error
