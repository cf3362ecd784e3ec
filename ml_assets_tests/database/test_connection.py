"""Connecting: every fault is told, and no password is."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from pydantic import SecretStr

from ml_assets.database.connection import connect, sqlalchemy_url
from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings
from ml_assets_tests.refused import refused

SECRET = "Tr0ub4dor&3"


def settings(url: str) -> Settings:
    return Settings(database_url=SecretStr(url), name="x")


@pytest.fixture
def guarded_url(postgres_url: str) -> Iterator[str]:
    """The URL of a role that needs a password, which is not in it."""
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        (file,) = admin.execute("SHOW hba_file").fetchone() or ("",)
        before = Path(file).read_text(encoding="utf-8")
        Path(file).write_text(f"local all guarded scram-sha-256\n{before}", encoding="utf-8")
        admin.execute(f"DROP ROLE IF EXISTS guarded; CREATE ROLE guarded LOGIN PASSWORD '{SECRET}'")
        admin.execute("SELECT pg_reload_conf()")
    yield postgres_url.replace("postgres@", "guarded@")
    Path(file).write_text(before, encoding="utf-8")


def test_a_connection_knows_its_shop_and_closes(postgres_url: str) -> None:
    with connect(settings(postgres_url)) as connection:
        assert connection.schemas.ml == "x_ml"
        name = f"ml_assets, process {os.getpid()}"
        assert connection.execute("SELECT current_setting('application_name')").fetchone() == (name,)
    assert connection.closed


def test_the_right_password_connects_and_a_wrong_or_missing_one_is_told(guarded_url: str) -> None:
    with connect(settings(guarded_url.replace("guarded@", "guarded:Tr0ub4dor%263@"))) as connection:
        assert connection.info.user == "guarded"
    for login, words in (("guarded:wr0ng-one@", "refused the user or the password"), ("guarded@", "wants a password")):
        with pytest.raises(UserError, match=words) as caught, connect(settings(guarded_url.replace("guarded@", login))):
            pass
        assert "wr0ng-one" not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"postgresql://me:{SECRET}@localhost:1/shop", "does not listen there"),
        (f"postgresql://me:{SECRET}@no.such.host.invalid/shop", "host name that does not exist"),
        (f"postgresql://me:{SECRET}@/shop?host=/no/such/folder", "has no socket there"),
        (f"host=/no/such/folder user=me password={SECRET}", "has no socket there"),
        (f"postgresql://me:{SECRET}@host@localhost/shop", "percent-encoded"),
        (f"postgresql://me:{SECRET}/more@localhost/shop", "percent-encoded"),
        (f"postgresql://me:12/{SECRET}@localhost/shop", "percent-encoded"),
        (f"postgresql://me:%zz{SECRET}@localhost/shop", "percent-encoded"),
        (f"postgresql://me:#{SECRET}@localhost/shop", "percent-encoded"),
        (f"postgresql://me:{SECRET}@localhost:port/shop", "percent-encoded"),
        (f"postgresql://me:?{SECRET}@localhost:1/shop", "does not listen there"),
        (f"mysql://me:{SECRET}@localhost/shop", "not the address of a PostgreSQL"),
        (f"me:{SECRET}@localhost/shop", "cannot be read"),
        (f"postgresql://me:{SECRET}@localhost/shop?sslmode=perhaps", "cannot be used"),
    ],
)
def test_no_fault_shows_the_password(url: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught, connect(settings(url)):
        pass
    assert SECRET not in str(caught.value)
    assert "Tr0ub" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_unknown_databases_and_roles_are_told(postgres_url: str) -> None:
    cases = ((("/test_", "/no_"), "has no such database"), (("postgres@", "nobody@"), "does not know this user"))
    for change, words in cases:
        with pytest.raises(UserError, match=words), connect(settings(postgres_url.replace(*change))):
            pass


def test_a_connection_lost_in_the_middle_is_told(postgres_url: str) -> None:
    with refused("database.unreachable"), connect(settings(postgres_url)) as one:
        one.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_sqlalchemys_driver_names_are_accepted(postgres_url: str) -> None:
    for scheme in ("postgres", "postgresql+psycopg", "postgresql+psycopg2"):
        with connect(settings(postgres_url.replace("postgresql", scheme))) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_sqlalchemy_reaches_the_schema_with_every_kind_of_login(guarded_url: str, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA dagster AUTHORIZATION guarded")
    url = sqlalchemy_url(settings(guarded_url.replace("guarded@", "guarded:Tr0ub4dor%263@")))
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT current_schema()")).scalar() == "dagster"
    engine.dispose()


def test_a_schema_for_dagster_that_cannot_be_created_is_told(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS visitor; CREATE ROLE visitor LOGIN")
    with pytest.raises(UserError, match="CREATE SCHEMA dagster AUTHORIZATION"):
        sqlalchemy_url(settings(postgres_url.replace("postgres@", "visitor@")))
