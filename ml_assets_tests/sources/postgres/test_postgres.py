"""A shop's PostgreSQL as the source: what is read, what changed, and complaints that name the setting."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from ml_assets.errors import JointError, PassingError, UserError
from ml_assets.events.source_scan import SourceScan
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import PostgresSource
from ml_assets.sources.postgres.source import Postgres
from ml_assets.waiting import listening
from ml_assets_tests.refused import refused

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


@pytest.fixture
def database(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A database with orders in two tables and a view over them."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(TABLES)
        yield connection


@pytest.fixture
def url(database: psycopg.Connection[Any], postgres_url: str) -> str:
    return postgres_url


def shop(folder: Path, url: str, *, zone: str = "Europe/Berlin", **more: Any) -> Postgres:
    section = PostgresSource.model_validate(
        {"kind": "postgres", "table": "sales.order_lines", "url": url, "columns": COLUMNS, **more}
    )
    return Postgres(Settings(home=folder / "home", timezone=zone, source=section), section, today=TODAY)


def test_a_view_is_read_by_the_shops_days_with_ids_as_they_are(tmp_path: Path, url: str) -> None:
    source = shop(tmp_path, url)
    assert (source.id_types().customer, source.id_types().item) == ("bigint", "text")
    # 23:30 UTC is 01:30 of the next day in Berlin.
    assert (source.days().first, source.days().last) == (date(2026, 9, 2), date(2026, 9, 6))
    lines = source.read_lines(date(2026, 9, 2), date(2026, 9, 2))
    assert lines["occurred_at"].unique().sort().to_list() == [
        datetime(2026, 9, 1, 23, 30, tzinfo=UTC),
        datetime(2026, 9, 2, 11, 30, tzinfo=UTC),
    ]
    assert set(lines["customer_id"]) == {9007199254740993, 9007199254740994}
    assert set(lines["item_id"]) == {"007", "x-1"}
    assert set(lines["amount"]) == {2.5}
    assert lines["event_type"].unique().to_list() == ["purchase"]


def test_a_query_and_tables_of_another_zone_are_read_alike(tmp_path: Path, url: str) -> None:
    query = "SELECT o.*, l.sku, l.pieces, l.price FROM sales.orders o JOIN sales.lines l USING (order_id);"
    lines = shop(tmp_path, url, table=query).read_lines(date(2026, 9, 2), date(2026, 9, 6))
    assert lines.drop("source").equals(
        shop(tmp_path, url).read_lines(date(2026, 9, 2), date(2026, 9, 6)).drop("source")
    )


def test_times_without_a_zone_are_in_the_shops(tmp_path: Path, url: str) -> None:
    naive = "SELECT *, placed_at AT TIME ZONE 'Europe/Berlin' AS local FROM sales.order_lines"
    source = shop(tmp_path, url, table=naive, columns={**COLUMNS, "time": "local"})
    assert source.days() == shop(tmp_path, url).days()
    found, expected = (one.read_lines(*vars(one.days()).values()) for one in (source, shop(tmp_path, url)))
    assert found["occurred_at"].equals(expected["occurred_at"])


def test_lines_that_the_condition_leaves_out_and_lines_without_a_time_are_kept_apart(
    tmp_path: Path, url: str, database: psycopg.Connection[Any]
) -> None:
    database.execute("UPDATE sales.orders SET status = 'cancelled' WHERE placed_at = '2026-09-01 23:30+00'")
    database.execute("UPDATE sales.orders SET placed_at = NULL WHERE placed_at = '2026-09-02 11:30+00'")
    source = shop(tmp_path, url, where="status <> 'cancelled'")
    lines = source.read_lines(date(2026, 9, 2), date(2026, 9, 6))
    assert lines.height == 20
    assert lines.filter(unreadable="where")["source_day"].to_list() == [date(2026, 9, 2)] * 2
    assert lines.filter(lines["occurred_at"].is_null())["source_day"].to_list() == [date(2026, 9, 6)] * 2


@pytest.mark.parametrize("updated_at", [None, "changed_at"])
def test_only_days_that_changed_are_read_again(
    tmp_path: Path, url: str, database: psycopg.Connection[Any], updated_at: str | None
) -> None:
    def look(memory: str | None) -> SourceScan:
        scan = SourceScan(shop(tmp_path, url, updated_at=updated_at), memory, today=TODAY)
        scan.contents(date(2026, 9, 1), date(2026, 9, 9))
        return scan

    first = look(None)
    assert len(first.read) == 5
    second = look(first.memory)
    assert second.read == []
    database.execute(
        "UPDATE sales.lines SET pieces = 3 WHERE order_id = (SELECT min(order_id::text)::uuid FROM sales.orders)"
    )
    database.execute(
        "UPDATE sales.orders SET changed_at = clock_timestamp() "
        "WHERE order_id = (SELECT min(order_id::text)::uuid FROM sales.orders)"
    )
    assert len(look(second.memory).read) == 1


def test_a_word_on_one_line_renames_no_item(tmp_path: Path, url: str) -> None:
    rows = "(1, 7, timestamptz '2026-09-01', 'Tea'), (2, 7, '2026-09-02', 'Tea'), (1, 7, '2026-09-03', 'Where is it?')"
    columns = {"customer": "who", "item": "what", "time": "at", "item_name": "title"}
    source = shop(tmp_path, url, table=f"SELECT * FROM (VALUES {rows}) AS v(who, what, at, title)", columns=columns)
    assert source.read_items()["item_name"].to_list() == ["Tea"]


def test_items_come_from_their_table_or_from_the_lines(tmp_path: Path, url: str) -> None:
    mapping = {"item": "sku", "name": "title", "category": "upper(price_group)", "available": "sold"}
    found = shop(tmp_path, url, items="sales.products", item_columns=mapping).read_items()
    assert found.rows() == [("007", "Käse", "DAIRY", None, True), ("x-1", "Tea", "DRINKS", None, False)]
    carried = shop(tmp_path, url, columns={**COLUMNS, "item_name": "'Thing ' || sku"}).read_items()
    assert carried["item_name"].to_list() == ["Thing 007", "Thing x-1"]


def test_a_role_that_may_only_read_is_enough_and_nothing_can_be_written(
    tmp_path: Path, url: str, database: psycopg.Connection[Any]
) -> None:
    database.execute("CREATE ROLE source_reader LOGIN")
    try:
        reader = url.replace("//postgres", "//source_reader")
        with refused("source.unreadable", "permission denied for schema sales"):
            shop(tmp_path, reader).days()
        database.execute(
            "GRANT USAGE ON SCHEMA sales TO source_reader; GRANT SELECT ON sales.order_lines TO source_reader"
        )
        assert shop(tmp_path, reader).read_lines(date(2026, 9, 2), date(2026, 9, 6)).height == 20
        database.execute(
            "CREATE FUNCTION sales.dirty() RETURNS bigint LANGUAGE sql AS 'DELETE FROM sales.lines; SELECT 1::bigint'"
        )
        with refused("source.unreadable", "read-only transaction"):
            shop(tmp_path, url, columns={**COLUMNS, "customer": "sales.dirty()"}).read_lines(date(2026, 9, 2), TODAY)
    finally:
        database.execute("DROP OWNED BY source_reader; DROP ROLE source_reader")


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


def test_who_is_not_let_in_is_told_at_once_and_not_tried_again(
    tmp_path: Path, url: str, database: psycopg.Connection[Any]
) -> None:
    stranger = conninfo.make_conninfo(url.replace("postgresql+psycopg", "postgresql"), user="nobody_here")
    with refused("source.unreadable", "refuses the connection: .*nobody_here") as error:
        shop(tmp_path, stranger).days()
    assert not isinstance(error.value, PassingError)


def test_a_slow_question_is_told_and_its_answer_is_taken_again_for_a_while(
    tmp_path: Path, url: str, database: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a slow one: where the database answers at once, it is asked at each moment."""
    told: list[str] = []
    slow = "SELECT *, pg_sleep(0.05)::text FROM sales.order_lines"
    source, quick = shop(tmp_path, url, table=slow), shop(tmp_path / "quick", url)
    monkeypatch.setattr("ml_assets.sources.postgres.source.SLOW_SECONDS", 0.2)
    monkeypatch.setattr("ml_assets.sources.postgres.source.TAKEN_AGAIN", 10_000)
    with listening(told.append):
        source.id_types()
        monkeypatch.setattr("ml_assets.waiting.AFTER_SECONDS", 0.2)
        first = source.days()
    assert "the shop's database: looking for the first and last day" in told
    monkeypatch.setattr("ml_assets.sources.postgres.source.SLOW_SECONDS", 3600)
    assert quick.days() == first
    database.execute("UPDATE sales.orders SET placed_at = '2026-09-08 10:00+00' WHERE placed_at > '2026-09-06'")
    assert source.days() == first
    assert quick.days().last == date(2026, 9, 8)


def test_an_empty_table_says_that_it_has_no_time(tmp_path: Path, url: str, database: psycopg.Connection[Any]) -> None:
    database.execute("UPDATE sales.orders SET placed_at = '2030-01-01'")
    with refused("source.unreadable", "holds no line with a time up to today"):
        shop(tmp_path, url).days()


def test_a_statement_that_takes_too_long_is_cancelled_and_told(tmp_path: Path, url: str) -> None:
    slow = "SELECT *, pg_sleep(2)::text FROM sales.order_lines"
    with refused("source.unreadable", "longer than .* and was cancelled"):
        shop(tmp_path, url, table=slow, statement_timeout="1s").read_lines(date(2026, 9, 2), date(2026, 9, 6))


def test_a_database_that_is_not_there_passes_and_its_password_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(PassingError) as error:
        shop(tmp_path, "postgresql://me:s3cret-word@127.0.0.1:1/shop").days()
    assert error.value.code == "database.unreachable"
    assert "s3cret-word" not in str(error.value)


def test_a_database_that_goes_away_in_the_middle_passes(
    tmp_path: Path, url: str, database: psycopg.Connection[Any]
) -> None:
    source = shop(tmp_path, url)
    source.days()
    kill = """
        SELECT *, (SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name = 'ml_assets source') AS killed
        FROM sales.order_lines
    """
    with pytest.raises(UserError) as error:
        shop(tmp_path, url, table=kill).read_lines(date(2026, 9, 2), date(2026, 9, 6))
    assert isinstance(error.value, PassingError)


def test_lines_dated_after_today_are_counted_and_shown(
    tmp_path: Path, url: str, database: psycopg.Connection[Any]
) -> None:
    source = shop(tmp_path, url)
    assert (source.count_later(), source.later_lines().height) == (0, 0)
    database.execute(
        "UPDATE sales.orders SET placed_at = '2999-01-01 12:00+00' "
        "WHERE order_id = (SELECT order_id FROM sales.orders ORDER BY placed_at LIMIT 1)"
    )
    again = shop(tmp_path, url)
    assert again.count_later() == 2
    assert [(line, time[:10]) for _, line, time in again.later_lines().iter_rows()] == [(None, "2999-01-01")] * 2
    assert again.days().last < TODAY
