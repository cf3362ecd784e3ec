"""A shop's PostgreSQL as the source: what is read, what changed, and a server that does not answer as it should."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from ml_assets.errors import PassingError, UserError
from ml_assets.events.source_scan import SourceScan
from ml_assets.waiting import listening
from ml_assets_tests.refused import refused
from ml_assets_tests.sources.postgres.shop import COLUMNS, TODAY, shop


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
