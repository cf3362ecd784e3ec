"""Logins that read have limits, made by the command or by the statements of docs/security.md."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from ml_assets.contract.logins import Limits, add_reader
from ml_assets.contract.migrate import migrate
from ml_assets.database.connection import ServingConnection
from ml_assets.database.embedded.server import start_embedded
from ml_assets.database.names import Schemas
from ml_assets.errors import UserError
from ml_assets_tests.conftest import short_lived_home
from ml_assets_tests.contract.test_migrate import SHOP
from ml_assets_tests.refused import refused
from ml_assets_tests.releases.frames import recommendations, release

SECURITY = Path(__file__).parents[2] / "docs" / "security.md"


@pytest.fixture(autouse=True)
def no_login_named_shop(embedded_url: str) -> Iterator[None]:
    """Roles belong to the whole server."""
    yield
    with psycopg.connect(embedded_url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS shop")


def as_shop(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("postgres@", "shop@"), autocommit=True)


def test_a_login_of_the_command_reads_within_its_limits(connection: ServingConnection, postgres_url: str) -> None:
    release(connection, recommendations())
    password = add_reader(connection, "shop", Limits(2, timedelta(milliseconds=200)))
    stored = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'shop'").fetchone()
    assert stored is not None
    assert stored[0].startswith("SCRAM-SHA-256$")
    assert password not in stored[0]
    with ExitStack() as stack:
        first, _ = (stack.enter_context(as_shop(postgres_url)) for _ in range(2))
        assert first.execute("SELECT count(*) FROM ml.recommendations").fetchone() == (12,)
        with pytest.raises(errors.QueryCanceled):
            first.execute("SELECT pg_sleep(60)")
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            as_shop(postgres_url)
    with pytest.raises(UserError, match="has a role shop already"):
        add_reader(connection, "shop", Limits())


def test_the_statements_of_the_document_do_the_same(connection: ServingConnection, postgres_url: str) -> None:
    release(connection, recommendations())
    statements = re.search(r"```sql\n(CREATE ROLE shop.*?)```", SECURITY.read_text("utf-8"), re.DOTALL)
    assert statements is not None
    connection.execute(statements[1].encode())
    with as_shop(postgres_url) as shop:
        assert shop.execute("SELECT count(*) FROM ml.recommendations").fetchone() == (12,)
        assert shop.execute("SHOW statement_timeout").fetchone() == ("10s",)
        assert shop.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("1min",)
    limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'shop'"
    assert connection.execute(limit).fetchone() == (40,)


def test_who_may_not_make_logins_is_sent_to_who_may(connection: ServingConnection, postgres_url: str) -> None:
    connection.execute("DROP ROLE IF EXISTS of_few_rights; CREATE ROLE of_few_rights LOGIN IN ROLE ml_writer")
    url = postgres_url.replace("postgres@", "of_few_rights@")
    with ServingConnection.open(url, Schemas()) as few, refused("database.rights", "may not make logins"):
        add_reader(few, "shop", Limits())


def test_only_a_database_with_nobody_else_in_it_is_closed_to_temporary_tables() -> None:
    make = "CREATE TEMP TABLE mine (a integer)"
    with short_lived_home() as home:
        url = start_embedded(home)
        with ServingConnection.open(url, Schemas()) as connection:
            migrate(connection, **SHOP)
            add_reader(connection, "shop", Limits())
            note = "SELECT ready, note FROM ml_meta.roles WHERE role = 'PUBLIC'"
            assert connection.execute(note).fetchone() == (
                True,
                "may make no temporary tables in the database postgres",
            )
            with as_shop(url) as reader, pytest.raises(errors.InsufficientPrivilege):
                reader.execute(make)
            connection.execute("CREATE ROLE editor LOGIN IN ROLE ml_merchandiser; CREATE ROLE webshop LOGIN")
            with psycopg.connect(url.replace("postgres@", "editor@"), autocommit=True) as editor:
                # Importing rules needs one.
                editor.execute(make)
        with ServingConnection.open(url, Schemas("books")) as connection:
            migrate(connection, **SHOP)
            ready, words = connection.execute(note.replace("ml_meta", "books_ml_meta")).fetchall()[0]
            assert not ready
            assert "which webshop may need" in words
            assert 'REVOKE TEMPORARY ON DATABASE "postgres" FROM PUBLIC' in words
