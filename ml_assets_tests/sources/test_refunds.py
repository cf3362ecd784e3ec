"""Refunds in a table of their own: netted against what was bought, on their own day or on their order's."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ml_assets.errors import UserError
from ml_assets.events.fingerprint import fingerprint_days
from ml_assets.events.load import load_days
from ml_assets.events.source_scan import SourceScan
from ml_assets.settings.shop import Settings
from ml_assets.sources.base import EventSource
from ml_assets.sources.build import build_source

TODAY = date(2026, 9, 30)
DAYS = [date(2026, 9, 1), date(2026, 9, 2), date(2026, 9, 3)]
COLUMNS = {"customer": "who", "item": "sku", "time": "at", "order": "receipt", "quantity": "n", "amount": "paid"}
LINES = [
    ("1", "7", "a", "2026-09-01 10:00", "2", "20.0"),
    ("1", "7", "b", "2026-09-01 10:00", "1", "30.0"),
    ("2", "8", "a", "2026-09-02 10:00", "4", "40.0"),
    ("3", "9", "c", "2026-09-03 10:00", "1", "5.0"),
]
REFUNDS = {"order": "receipt", "item": "sku", "quantity": "n", "amount": "paid", "time": "at"}
Row = tuple[str | None, ...]
Make = Callable[..., tuple[Settings, Path]]


def write(folder: Path, name: str, header: str, rows: list[Row]) -> None:
    text = "\n".join([header, *(",".join(cell or "" for cell in row) for row in rows)])
    (folder / name).write_text(f"{text}\n")


@pytest.fixture(params=["files", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, embedded_url: str) -> Callable[..., EventSource]:
    def make(refunds: list[Row], refund_columns: dict[str, str] = REFUNDS, **rules: Any) -> EventSource:
        header, refund_header = "receipt,who,sku,at,n,paid", "receipt,sku,at,n,paid"
        if request.param == "files":
            write(tmp_path, "lines.csv", header, [*LINES])
            write(tmp_path, "refunds.csv", refund_header, refunds)
            places = {"events": str(tmp_path / "lines.csv"), "refunds": str(tmp_path / "refunds.csv")}
        else:
            name = f"refunds_{abs(hash(tmp_path.name))}"
            with psycopg.connect(embedded_url, autocommit=True) as connection:
                kinds = "at timestamp, n integer, paid numeric"
                for table, columns, rows in (("lines", f"who int, {kinds}", LINES), ("refunds", kinds, refunds)):
                    connection.execute(f"DROP TABLE IF EXISTS {name}_{table}")
                    connection.execute(f"CREATE TABLE {name}_{table} (receipt int, sku text, {columns})")
                    names = header if table == "lines" else refund_header
                    places_of = ", ".join(["%s"] * len(names.split(",")))
                    with connection.cursor() as cursor:
                        cursor.executemany(f"INSERT INTO {name}_{table} ({names}) VALUES ({places_of})", rows)
            places = {"table": f"{name}_lines", "url": embedded_url, "refunds": f"{name}_refunds"}
        source = {"columns": COLUMNS, "refund_columns": refund_columns, **places}
        settings = {"home": tmp_path / "home", "source": source, "events": {"returns": "net", **rules}}
        return build_source(Settings.model_validate(settings), today=TODAY)

    return make


def returned(source: EventSource) -> list[tuple[Any, ...]]:
    """day, customer, item, quantity, amount of the return lines, after the contract."""
    loaded = load_days(source, DAYS, Settings.model_validate({"events": {"returns": "net"}}).events)
    found = [
        row
        for lines in loaded.values()
        for row in lines.valid.filter("is_return").select("day", "customer_id", "item_id", "quantity", "amount").rows()
    ]
    return sorted((day.day, *rest) for day, *rest in found)


def reasons(source: EventSource) -> dict[int, dict[str, int]]:
    loaded = load_days(source, DAYS, Settings.model_validate({"events": {"returns": "net"}}).events)
    return {day.day: facts.quarantined for day, facts in loaded.facts.items() if facts.quarantined}


def test_a_refund_counts_on_its_own_day_for_who_bought_the_item(shop: Callable[..., EventSource]) -> None:
    source = shop(
        [
            ("1", "a", "2026-09-02 12:00", "1", "9.0"),
            ("2", "a", "2026-09-03 12:00", "1", None),
            ("3", "c", "2026-09-03 13:00", None, None),
        ]
    )
    assert returned(source) == [(2, 7, "a", -1.0, -9.0), (3, 8, "a", -1.0, -10.0), (3, 9, "c", -1.0, -5.0)]
    assert reasons(source) == {}


def test_a_refund_of_an_order_takes_its_share_of_every_line(shop: Callable[..., EventSource]) -> None:
    whole = shop([("1", None, "2026-09-03 12:00", None, None)])
    assert returned(whole) == [(3, 7, "a", -2.0, -20.0), (3, 7, "b", -1.0, -30.0)]
    part = shop([("1", None, "2026-09-03 12:00", None, "25")])
    assert returned(part) == [(3, 7, "a", -1.0, -10.0), (3, 7, "b", -0.5, -15.0)]


def test_without_a_time_it_corrects_the_day_of_its_order(shop: Callable[..., EventSource]) -> None:
    columns = {name: text for name, text in REFUNDS.items() if name != "time"}
    before = fingerprint_days(shop([], columns).read_lines(DAYS[0], DAYS[-1]))
    source = shop([("1", "b", None, None, None)], columns)
    assert returned(source) == [(1, 7, "b", -1.0, -30.0)]
    after = fingerprint_days(source.read_lines(DAYS[0], DAYS[-1]))
    assert [day for day in DAYS if after[day] != before[day]] == [DAYS[0]]


def test_a_refund_of_what_was_not_bought_is_set_aside_with_its_reason(shop: Callable[..., EventSource]) -> None:
    rows: list[Row] = [("17", "a", "2026-09-02 12:00", "1", "9"), ("1", "c", "2026-09-03 12:00", None, None)]
    assert reasons(shop(rows)) == {2: {"unreadable_refund": 1}, 3: {"unreadable_refund": 1}}
    assert returned(shop(rows)) == []


def test_a_refund_that_comes_late_is_seen_by_the_next_look(shop: Callable[..., EventSource]) -> None:
    source = shop([])
    before = SourceScan(source, None, today=TODAY)
    seen = before.contents(DAYS[0], DAYS[-1])
    source = shop([("1", "a", "2026-09-02 12:00", "1", "9")])
    after = SourceScan(source, before.memory, today=TODAY)
    now = after.contents(DAYS[0], DAYS[-1])
    assert now == fingerprint_days(source.read_lines(DAYS[0], DAYS[-1]))
    assert [day for day in DAYS if now[day] != seen[day]] == [DAYS[1]]


@pytest.mark.parametrize(
    ("columns", "returns", "words"),
    [(COLUMNS, "quarantine", "events.returns: net"), ({**COLUMNS, "order": None}, "net", "source.columns.order")],
)
def test_settings_that_cannot_net_refunds_are_refused(columns: dict[str, Any], returns: str, words: str) -> None:
    source = {"events": "lines.csv", "columns": columns, "refunds": "refunds.csv"}
    with pytest.raises((UserError, ValueError), match=words):
        Settings.model_validate({"source": source, "events": {"returns": returns}})
