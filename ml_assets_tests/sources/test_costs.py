"""What lines cost the shop comes with them from every kind of source, and nothing changes where it is not told."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

from ml_assets.errors import UserError
from ml_assets.events.contract import check_lines
from ml_assets.events.fingerprint import fingerprint_days
from ml_assets.events.load import load_days
from ml_assets.features.customers import build_customer_features
from ml_assets.lake import Lake
from ml_assets.settings.events import EventSettings
from ml_assets.settings.shop import Settings
from ml_assets.sources.base import COST, EventSource
from ml_assets.sources.build import build_source

TODAY = date(2026, 9, 30)
DAYS = [date(2026, 9, 1), date(2026, 9, 2)]
HEADER = "who,sku,at,n,paid,unit"
LINES = [
    (1, "a", "2026-09-01 10:00", 2, 20.0, 4.0),
    (2, "b", "2026-09-01 11:00", 1, 30.0, None),
    (3, "c", "2026-09-02 10:00", 1, 5.0, 9.0),
]
COLUMNS = {"customer": "who", "item": "sku", "time": "at", "quantity": "n", "amount": "paid"}
Make = Callable[..., EventSource]


@pytest.fixture(params=["files", "sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, embedded_url: str) -> Make:
    def make(**more: str) -> EventSource:
        places: dict[str, Any] = {"events": str(tmp_path / "lines.csv")}
        if request.param == "files":
            rows = [",".join("" if value is None else str(value) for value in row) for row in LINES]
            (tmp_path / "lines.csv").write_text("\n".join([HEADER, *rows]))
        elif request.param == "sqlite":
            places = {"kind": "sqlite", "database": str(tmp_path / "shop.db"), "table": "lines"}
            with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
                database.execute("DROP TABLE IF EXISTS lines")
                database.execute(f"CREATE TABLE lines ({HEADER})")
                database.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?)", LINES)
        else:
            name = f"costs_{abs(hash(tmp_path.name))}"
            places = {"table": name, "url": embedded_url}
            with psycopg.connect(embedded_url, autocommit=True) as connection, connection.cursor() as cursor:
                cursor.execute(f"DROP TABLE IF EXISTS {name}".encode())
                kinds = "who int, sku text, at timestamp, n int, paid numeric, unit numeric"
                cursor.execute(f"CREATE TABLE {name} ({kinds})".encode())
                cursor.executemany(f"INSERT INTO {name} VALUES (%s, %s, %s, %s, %s, %s)".encode(), LINES)
        source = {"columns": {**COLUMNS, **more}, **places}
        return build_source(Settings.model_validate({"home": tmp_path / "home", "source": source}), today=TODAY)

    return make


def test_costs_come_with_the_lines_and_only_where_they_are_mapped(shop: Make) -> None:
    rules = EventSettings()
    days = load_days(shop(cost="unit * n"), DAYS, rules)
    assert [days.valid(day)[COST].to_list() for day in DAYS] == [[8.0, None], [9.0]]
    assert all(facts.quarantined == {} for facts in days.facts.values())
    plain = load_days(shop(), DAYS, rules)
    assert all(COST not in plain.valid(day).columns for day in DAYS)
    assert plain.valid(DAYS[0]).equals(days.valid(DAYS[0]).drop(COST))
    # A day changes in the books only where a line of it has a cost.
    lines = shop(cost="unit * n").read_lines(*DAYS)
    without = fingerprint_days(lines.drop(COST))
    assert fingerprint_days(lines.with_columns(pl.lit(None, pl.Float64).alias(COST))) == without
    assert fingerprint_days(lines)[DAYS[1]] != without[DAYS[1]]


def test_costs_that_are_no_numbers_are_named(shop: Make) -> None:
    with pytest.raises(UserError, match=r"source\.columns\.cost") as refused:
        load_days(shop(cost="unti * n"), DAYS, EventSettings()).valid(DAYS[0])
    assert refused.value.code == "source.unreadable"


def test_bad_costs_are_set_aside_with_a_reason_and_selling_at_a_loss_is_none(tmp_path: Path) -> None:
    rows = ["1,a,2026-09-01,1,5,abc", "2,a,2026-09-01,1,5,-1", "3,a,2026-09-01,1,5,50", "4,a,2026-09-01,-1,-5,-2"]
    (tmp_path / "lines.csv").write_text("\n".join([HEADER, *rows]))
    source = {"columns": {**COLUMNS, "cost": "unit"}, "events": str(tmp_path / "lines.csv")}
    shop = build_source(Settings.model_validate({"home": tmp_path / "home", "source": source}), today=TODAY)
    lines = shop.read_lines(*DAYS)
    checked = check_lines(lines, EventSettings(returns="net"), pl.Series([], dtype=pl.String))
    told = checked.quarantined.sort("line").select("line", "reason", "detail").rows()
    assert told == [(1, "unreadable_cost", "abc"), (2, "negative_cost", "-1.0")]
    assert checked.valid.select("customer_id", COST).rows() == [(3, 50.0), (4, -2.0)]


def test_the_same_line_delivered_again_with_another_cost_is_delivered_twice(tmp_path: Path) -> None:
    for name, cost in (("one", 4), ("two", 5)):
        (tmp_path / f"{name}.csv").write_text(f"{HEADER}\n1,a,2026-09-01,1,5,{cost}")
    source = {"columns": {**COLUMNS, "cost": "unit"}, "events": str(tmp_path / "*.csv")}
    shop = build_source(Settings.model_validate({"home": tmp_path / "home", "source": source}), today=TODAY)
    days = load_days(shop, DAYS[:1], EventSettings())
    assert days.valid(DAYS[0])[COST].to_list() == [4.0]
    assert days.facts[DAYS[0]].quarantined == {"duplicate": 1}


def test_what_is_refunded_takes_its_share_of_the_cost_away(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text(f"{HEADER},receipt\n1,a,2026-09-01,4,40,3,7\n1,b,2026-09-01,1,5,2,8")
    (tmp_path / "refunds.csv").write_text("receipt,sku,n,at\n7,a,1,2026-09-02\n8,,,2026-09-02")
    source = {
        "events": str(tmp_path / "lines.csv"),
        "refunds": str(tmp_path / "refunds.csv"),
        "columns": {**COLUMNS, "order": "receipt", "cost": "unit * n"},
        "refund_columns": {"order": "receipt", "item": "sku", "quantity": "n", "time": "at"},
    }
    settings = Settings.model_validate({"home": tmp_path / "home", "source": source, "events": {"returns": "net"}})
    days = load_days(build_source(settings, today=TODAY), DAYS, settings.events)
    back = days.valid(DAYS[1]).select("item_id", "quantity", "amount", COST)
    assert back.rows() == [("a", -1.0, -10.0, -3.0), ("b", -1.0, -5.0, -2.0)]


@pytest.mark.parametrize("with_costs", [[False, True], [True, False]])
def test_days_from_before_costs_were_told_are_read_with_those_after(with_costs: list[bool], tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text(f"{HEADER}\n1,a,2026-09-01,1,5,2\n1,a,2026-09-02,1,5,2")
    lake = Lake(tmp_path / "lake")
    for day, has in zip(DAYS, with_costs, strict=True):
        columns = {**COLUMNS, **({"cost": "unit"} if has else {})}
        source = {"columns": columns, "events": str(tmp_path / "lines.csv")}
        shop = build_source(Settings.model_validate({"home": tmp_path / "home", "source": source}), today=TODAY)
        lake.write("transactions", load_days(shop, [day], EventSettings()).valid(day), day)
    both = lake.scan("transactions", [str(day) for day in DAYS])
    assert (COST in both.collect().columns) == with_costs[0]
    features = build_customer_features(both, None, as_of=DAYS[1], lookback_days=30).collect()
    assert features.select("orders", "spend_28d").rows() == [(2, 10.0)]
