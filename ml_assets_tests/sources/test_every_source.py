"""The contract of every kind of source; a new kind brings an example shop and is tested with it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import psycopg
import pytest

from ml_assets.ids import polars_type
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import KINDS
from ml_assets.sources.base import LINE_COLUMNS, EventSource
from ml_assets.sources.build import BY_KIND, build_source

TODAY = date(2026, 11, 22)
VALUES = """
    SELECT 1 AS customer_id, 'a' AS item_id, '2024-05-30' AS occurred_at UNION ALL SELECT NULL, 'a', '2024-05-31'
    UNION ALL SELECT 2, 'b', '2024-05-31' UNION ALL SELECT 2, 'b', NULL
"""
CSV = "customer_id,item_id,occurred_at\n1,a,2024-05-30\n,a,2024-05-31\n2,b,2024-05-31\n2,b,never\n"


def files(folder: Path, _: str) -> dict[str, Any]:
    (folder / "events.csv").write_text(CSV)
    return {"events": str(folder / "events.csv")}


def postgres(folder: Path, url: str) -> dict[str, Any]:
    table = f"lines_{folder.name[:40]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"""
            CREATE TABLE "{table}" AS
            SELECT * FROM (VALUES (1, 'a', timestamp '2024-05-30'), (NULL, 'a', '2024-05-31'), (2, 'b', '2024-05-31'),
                (2, 'b', NULL)) AS v (customer_id, item_id, occurred_at)
            """
        )
    return {"table": table, "url": url}


def sqlite(folder: Path, _: str) -> dict[str, Any]:
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        connection.execute(f"CREATE TABLE lines AS SELECT * FROM ({VALUES})")
    return {"database": str(folder / "shop.db"), "table": "lines"}


def duck(folder: Path, _: str) -> dict[str, Any]:
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        typed = "* REPLACE (occurred_at::timestamp AS occurred_at)"
        connection.execute(f"CREATE TABLE lines AS SELECT {typed} FROM ({VALUES})")
    return {"database": str(folder / "shop.duckdb"), "table": "lines"}


# The settings of a small shop of each kind, in a folder and a database.
EXAMPLES: dict[str, Callable[[Path, str], dict[str, Any]]] = {
    "files": files,
    "complete_journey": lambda *_: {},
    "postgres": postgres,
    "sqlite": sqlite,
    "duckdb": duck,
}


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, tmp_path: Path, embedded_url: str) -> Callable[[], EventSource]:
    section = {"kind": request.param, **EXAMPLES[request.param](tmp_path, embedded_url)}
    settings = Settings.model_validate({"home": tmp_path / "home", "source": section})
    return lambda: build_source(settings, today=TODAY)


def newest_lines(source: EventSource, days: int = 2) -> pl.DataFrame:
    last = source.days().last
    return source.read_lines(last - timedelta(days=days - 1), last)


def test_every_kind_of_settings_is_read() -> None:
    assert BY_KIND.keys() == set(KINDS)


def test_lines_have_the_columns_and_ids_of_every_source(make: Callable[[], EventSource]) -> None:
    source = make()
    lines, types = newest_lines(source), source.id_types()
    assert tuple(lines.columns) == LINE_COLUMNS
    assert lines.height
    assert lines.schema["customer_id"] == polars_type(types.customer)
    assert lines.schema["item_id"] == polars_type(types.item)
    assert lines.schema["occurred_at"] == pl.Datetime("us", "UTC")


def test_lines_lie_in_the_days_asked_for_and_none_is_left_out(make: Callable[[], EventSource]) -> None:
    source = make()
    last = source.days().last
    days = [last - timedelta(days=1), last]
    single = [source.read_lines(day, day) for day in days]
    for day, lines in zip(days, single, strict=True):
        assert set(lines["source_day"]) <= {day}
    together = newest_lines(source)
    assert pl.concat(single).sort("source", "line").equals(together.sort("source", "line"))


def test_pieces_together_are_the_lines(make: Callable[[], EventSource]) -> None:
    source = make()
    last = source.days().last
    found = [source.read_piece(piece, last, last) for piece in source.pieces()]
    assert max(day for _, day in found if day) == last
    lines = pl.concat([lines for lines, _ in found]).with_columns(pl.col("source_day").fill_null(last))
    assert lines.sort("source", "line").equals(source.read_lines(last, last).sort("source", "line"))


def test_the_catalogue_names_each_item_once(make: Callable[[], EventSource]) -> None:
    source = make()
    items = source.read_items()
    assert items.columns == ["item_id", "item_name", "category", "brand", "available"]
    assert items.schema["item_id"] == polars_type(source.id_types().item)
    assert items["item_id"].null_count() == 0
    assert items["item_id"].is_unique().all()


def test_calendar_and_types_stay_when_it_is_opened_again(make: Callable[[], EventSource]) -> None:
    one, two = make(), make()
    first, types = one.first_day(), one.id_types()
    assert (two.first_day(), two.id_types(), two.identity) == (first, types, one.identity)
    assert one.days().first <= one.days().last
