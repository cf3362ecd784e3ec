"""A database of the eighteen numbered files becomes one like a fresh one, and loses nothing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from ml_assets.contract.migrate import migrate, upgrade
from ml_assets.contract.shop_tables import sync_reading
from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import Schemas
from ml_assets.errors import UserError
from ml_assets.settings.serving import ServingSettings
from ml_assets_tests.contract.before_baseline.restore import restore
from ml_assets_tests.contract.definitions import definitions

SHOPS: dict[str, tuple[Schemas, dict[str, Any]]] = {
    "integer": (Schemas(), {"customer_id_type": "bigint", "item_id_type": "bigint", "source": "files"}),
    "text": (Schemas("x"), {"customer_id_type": "text", "item_id_type": "text", "source": "files"}),
}
# What the program itself notes of an upgrade is another after it.
COLUMNS = """
    SELECT format('%%I.%%I', n.nspname, c.relname), string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind = 'r' AND n.nspname = ANY (%(tables)s) AND c.relname NOT IN ('migrations', 'objects', 'roles')
        OR c.relkind = 'v' AND n.nspname = %(ml)s AND c.relname = ANY (%(views)s)
    GROUP BY 1
"""
VIEWS = (
    "recommendations segment_assignments segments similar_items popular_items releases incidents past_recommendations"
)


def columns(connection: ServingConnection) -> dict[str, str]:
    """The columns of all tables of a shop, and of what readers see."""
    schemas = connection.schemas
    names = {"tables": [schemas.store, schemas.meta], "ml": schemas.ml, "views": VIEWS.split()}
    return dict(connection.execute(COLUMNS, names).fetchall())


def rows(connection: ServingConnection, columns: dict[str, str]) -> dict[str, list[Any]]:
    """All rows of these tables and views, as far as they had these columns: later ones may come with an upgrade."""
    return {
        name: sorted(connection.execute(f"SELECT ({names})::text FROM {name}".encode()).fetchall())
        for name, names in columns.items()
    }


@pytest.mark.parametrize("name", SHOPS)
def test_an_upgraded_database_equals_a_fresh_one_and_no_row_is_lost(postgres_url: str, name: str) -> None:
    schemas, shop = SHOPS[name]
    with ServingConnection.open(postgres_url, schemas) as connection:
        migrate(connection, **shop)
        sync_reading(connection, ServingSettings())
        fresh = definitions(connection)
        for schema in (schemas.ml, schemas.store, schemas.meta):
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
    restore(postgres_url, name)
    with ServingConnection.open(postgres_url, schemas) as connection:
        there = columns(connection)
        before = rows(connection, there)
        assert len(before[f"{schemas.ml}.recommendations"]) == 8
        assert upgrade(connection)[0] == "001_baseline"
        assert rows(connection, there) == before
        assert upgrade(connection) == []
        sync_reading(connection, ServingSettings())
        assert definitions(connection) == fresh


def test_what_was_hidden_by_a_table_of_the_shop_stays_hidden(postgres_url: str) -> None:
    schemas, _ = SHOPS["text"]
    restore(postgres_url, "text")
    with ServingConnection.open(postgres_url, schemas) as connection:
        connection.execute("INSERT INTO public.stock VALUES ('12', 0)")
        upgrade(connection)
        hidden = connection.execute("SELECT item_id FROM x_ml_meta.hidden_items ORDER BY 1").fetchall()
        assert hidden == [("12",), ("13",)]


def test_commands_that_upgrade_at_once_do_it_once(postgres_url: str) -> None:
    schemas, _ = SHOPS["integer"]
    restore(postgres_url, "integer")

    def start(_: int) -> list[str]:
        with ServingConnection.open(postgres_url, schemas) as connection:
            return upgrade(connection)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(map(len, pool.map(start, range(4))))[:3] == [0, 0, 0]


def test_a_database_that_lacks_some_of_the_eighteen_is_refused_and_left_alone(postgres_url: str) -> None:
    schemas, _ = SHOPS["integer"]
    restore(postgres_url, "integer")
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("DELETE FROM ml_meta.migrations WHERE number = 43")
    with ServingConnection.open(postgres_url, schemas) as connection:
        with pytest.raises(UserError, match="001_baseline was applied to this database with other contents"):
            upgrade(connection)
        assert connection.execute("SELECT to_regclass('ml_meta.objects')").fetchone() == (None,)
