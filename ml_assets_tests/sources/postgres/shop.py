"""A shop in PostgreSQL: orders and their lines in tables, a view over both, and a catalogue."""

from datetime import date
from pathlib import Path
from typing import Any

from ml_assets.settings.shop import Settings
from ml_assets.settings.source import PostgresSource
from ml_assets.sources.postgres.source import Postgres

TODAY = date(2026, 9, 10)
COLUMNS = {
    "customer": "customer_id",
    "item": "sku",
    "time": "placed_at",
    "order": "order_id",
    "quantity": "pieces",
    "amount": "price * pieces",
    "event_type": "CASE WHEN pieces < 0 THEN 'return' ELSE 'purchase' END",
}
TABLES = """
    CREATE SCHEMA sales;
    CREATE TABLE sales.orders (order_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), customer_id bigint,
        placed_at timestamptz, status text NOT NULL DEFAULT 'paid', changed_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE sales.lines (order_id uuid REFERENCES sales.orders, sku text, pieces integer, price numeric(10, 2));
    CREATE TABLE sales.products (sku text, title text, price_group text, sold boolean);
    INSERT INTO sales.products VALUES ('007', 'Käse', 'dairy', true), ('x-1', 'Tea', 'drinks', false);
    CREATE VIEW sales.order_lines AS SELECT * FROM sales.orders JOIN sales.lines USING (order_id);
    WITH o AS (
        INSERT INTO sales.orders (customer_id, placed_at)
        SELECT 9007199254740993 + n % 3, timestamptz '2026-09-01 23:30+00' + n * interval '12 hours'
        FROM generate_series(0, 9) AS n
        RETURNING order_id
    )
    INSERT INTO sales.lines SELECT order_id, sku, 2, 1.25 FROM o, (VALUES ('007'), ('x-1')) AS s (sku);
"""


def shop(folder: Path, url: str, *, zone: str = "Europe/Berlin", **more: Any) -> Postgres:
    section = PostgresSource.model_validate(
        {"kind": "postgres", "table": "sales.order_lines", "url": url, "columns": COLUMNS, **more}
    )
    return Postgres(Settings(home=folder / "home", timezone=zone, source=section), section, today=TODAY)
