"""Who opted out, read from files, database files and a PostgreSQL."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import psycopg
import pytest

from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings
from ml_assets.sources.opt_outs import OptOutList, read_opt_outs

TODAY = date(2026, 5, 31)


def read(folder: Path, source: dict[str, Any] | None = None, ids: Any = "bigint", **opt_outs: Any) -> OptOutList:
    orders = source or {"kind": "files", "events": str(folder / "orders.csv")}
    settings = Settings.model_validate({"home": folder, "source": orders, "opt_outs": opt_outs})
    return read_opt_outs(settings, ids, today=TODAY)


def test_a_file_may_be_a_list_of_those_who_opted_out(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("customer_id,since\n7,2026-01-01\n0012,\n7,2026-02-01\nx,\n,\n")
    found = read(tmp_path, files=str(tmp_path / "out.csv"))
    assert found.customers.to_list() == [7]
    assert (found.lines, found.unreadable, found.unknown) == (5, 2, ())
    assert read(tmp_path, ids="text", files=str(tmp_path / "out.csv")).customers.to_list() == ["0012", "7", "x"]


def test_values_of_a_consent_are_words_numbers_or_flags(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    pl.DataFrame({"id": [1, 2, 3], "ok": [True, False, None]}).write_parquet(path)
    columns = {"customer": "id", "consent": "ok"}
    assert read(tmp_path, files=str(path), columns=columns).customers.to_list() == [2, 3]
    # Words of the shop's own: exactly these are a no, however YAML reads them.
    assert read(tmp_path, files=str(path), columns=columns, no=[False]).customers.to_list() == [2]
    assert read(tmp_path, files=str(path), columns=columns, no=[True, ""]).customers.to_list() == [1, 3]
    pl.DataFrame({"id": [1, 2, 3], "gone": ["2026-01-01", None, None]}).write_parquet(path)
    gone = {"customer": "id", "consent": "CASE WHEN gone IS NULL THEN 'yes' ELSE 'no' END"}
    assert read(tmp_path, files=str(path), columns=gone).customers.to_list() == [1]


def test_a_table_may_lie_in_the_database_file_of_the_orders_or_in_another(tmp_path: Path) -> None:
    for name, connect in (("shop.db", sqlite3.connect), ("shop.duckdb", duckdb.connect)):
        path = str(tmp_path / name)
        with closing(connect(path)) as database:
            database.execute("CREATE TABLE people (id bigint, newsletter integer)")
            database.execute("INSERT INTO people VALUES (1, 0), (2, 1)")
            database.commit()
        columns = {"customer": "id", "consent": "newsletter"}
        kind = "sqlite" if name == "shop.db" else "duckdb"
        orders = {"kind": kind, "database": path, "table": "orders"}
        assert read(tmp_path, orders, table="people", columns=columns).customers.to_list() == [1]
        query = "SELECT id AS customer_id FROM people WHERE newsletter = 0"
        assert read(tmp_path, table=query, database=path).customers.to_list() == [1]


def test_a_table_may_lie_in_a_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as database:
        database.execute("CREATE TABLE people (id bigint, newsletter boolean)")
        database.execute("INSERT INTO people VALUES (1, false), (2, true), (3, NULL)")
    wanted: dict[str, Any] = {"url": postgres_url, "columns": {"customer": "id", "consent": "newsletter"}}
    assert read(tmp_path, table="people", **wanted).customers.to_list() == [1, 3]
    assert read(tmp_path, table="people", ids="text", **wanted).customers.to_list() == ["1", "3"]
    with pytest.raises(UserError, match=r"opt_outs\.table: nobody") as raised:
        read(tmp_path, table="nobody", **wanted)
    assert raised.value.code == "source.unreadable"


def test_a_list_that_cannot_be_understood_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("mail\na@x.org\nb@x.org\n")
    with pytest.raises(UserError, match="has no column customer_id") as raised:
        read(tmp_path, files=str(tmp_path / "out.csv"))
    assert "opt_outs.columns.customer" in str(raised.value)
    with pytest.raises(UserError, match="no value of mail is a customer's id of this shop"):
        read(tmp_path, files=str(tmp_path / "out.csv"), columns={"customer": "mail"})
    with pytest.raises(UserError, match=r"no\.db cannot be opened: No such file"):
        read(tmp_path, table="people", database=str(tmp_path / "no.db"))
    with pytest.raises(UserError, match=r"out\.csv is neither a SQLite nor a DuckDB file"):
        read(tmp_path, table="people", database=str(tmp_path / "out.csv"))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "give either files or table"),
        ({"files": "a", "table": "b"}, "give either files or table"),
        ({"files": "a", "database": "b"}, "database and url go with table"),
        ({"files": "a", "no": ["x"]}, "say which column holds these values"),
    ],
)
def test_settings_that_say_too_much_or_too_little_are_refused(section: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings.model_validate({"opt_outs": section})
