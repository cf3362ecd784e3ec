"""Settings of a PostgreSQL that cannot be read: each complaint names the setting and what would do."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from ml_assets.errors import JointError
from ml_assets_tests.refused import refused
from ml_assets_tests.sources.postgres.shop import COLUMNS, shop

DAYLESS = {"customer": "customer_id", "item": "sku", "time": "placed_at"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"table": "sales.nothing"}, r'source\.table: sales\.nothing: relation "sales\.nothing" does not exist'),
        ({"columns": {**COLUMNS, "item": "article"}}, r"source\.columns\.item: article cannot be selected"),
        ({"columns": {**COLUMNS, "amount": "price *"}}, r"source\.columns\.amount: price \* cannot be selected"),
        ({"columns": {**COLUMNS, "time": "status"}}, r"source\.columns\.time: status is of the type text"),
        ({"columns": {**COLUMNS, "quantity": "sku"}}, r"source\.columns\.quantity: sku is of the type text"),
        (
            {"table": "SELECT customer_id, sku FROM sales.order_lines", "columns": DAYLESS},
            r"source\.columns\.time: placed_at cannot be selected: The query of .* It has: customer_id, sku",
        ),
        ({"where": "colour = 'red'"}, r"source\.where: colour = 'red' cannot be selected"),
        ({"columns": {**COLUMNS, "item": "sku; DROP TABLE sales.lines"}}, r"source\.columns\.item: sku; DROP"),
    ],
)
def test_a_mistake_is_told_with_its_setting(tmp_path: Path, url: str, more: dict[str, Any], words: str) -> None:
    with refused("source.unreadable", words):
        shop(tmp_path, url, **more).days()


def test_all_wrong_columns_are_told_at_once(tmp_path: Path, url: str) -> None:
    wrong = {**COLUMNS, "item": "sku ||| 1", "time": "sold_att", "quantity": "status"}
    with pytest.raises(JointError) as error:
        shop(tmp_path, url, columns=wrong).days()
    assert error.value.code == "source.unreadable"
    for words in ("columns.item: sku ||| 1 cannot", "columns.time: sold_att cannot", "columns.quantity: status is of"):
        assert f"source.{words}" in error.value.problem
    assert error.value.next_step.count("It has: order_id") == 1


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (
            "sku",
            r"sku is of the type text, which is not a time, such as .007. and .*\. Its times .* are: placed_at, ch",
        ),
        ("iso", r"such as '2026-09-05 14:00' and .* Cast it: source\.columns\.time: 'iso::timestamptz'"),
        ("german", r"such as '05\.09\.2026'.* Cast it: source\.columns\.time: 'to_timestamp\(german, ''DD\.MM\.YYYY"),
        ("epoch", r"is of the type int4, .* Cast it: source\.columns\.time: 'to_timestamp\(epoch\)'"),
        ("pieces", r"pieces is of the type int4, which is not a time, such as '2' and '2'\. Its times"),
        ("Sold At", r"Cast it: source\.columns\.time: '\"Sold At\"::timestamptz'"),
        ("paid", r"paid is of the type bool, which is not a time, such as 'true' and 'true'\. Its times"),
    ],
)
def test_what_is_no_time_is_told_with_values_and_is_cast_only_where_they_look_like_times(
    tmp_path: Path, url: str, time: str, words: str
) -> None:
    more = "'2026-09-05 14:00'::text AS iso, '05.09.2026'::text AS german, 1788000000 AS epoch, true AS paid"
    table = f"SELECT *, {more}, '2026-09-05'::text AS \"Sold At\" FROM sales.order_lines"
    with refused("source.unreadable", words):
        shop(tmp_path, url, table=table, columns={**COLUMNS, "time": time}).days()


def test_a_table_without_a_time_says_so(tmp_path: Path, url: str) -> None:
    with refused("source.unreadable", r"source\.table has no column of times"):
        shop(tmp_path, url, table="sales.products", columns={"customer": "sku", "item": "sku", "time": "title"}).days()


def test_a_long_query_is_called_by_its_setting(tmp_path: Path, url: str) -> None:
    query = "SELECT customer_id, sku, placed_at FROM sales.order_lines WHERE placed_at > '2030-01-01'"
    with refused("source.unreadable", r"^The query of source\.table holds no line with a time up to today"):
        shop(tmp_path, url, table=query, columns=DAYLESS).days()


def test_an_empty_table_says_that_it_has_no_time(tmp_path: Path, url: str, database: psycopg.Connection[Any]) -> None:
    database.execute("UPDATE sales.orders SET placed_at = '2030-01-01'")
    with refused("source.unreadable", "holds no line with a time up to today"):
        shop(tmp_path, url).days()
