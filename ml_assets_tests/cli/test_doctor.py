"""`ml-assets doctor`: every fault at once, each with its fix, and nothing changed."""

import json
import re
import socket
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from ml_assets.cli import app as command
from ml_assets.cli.doctor.finding import Finding

Doctor = Callable[..., tuple[int, dict[str, list[dict[str, str]]]]]
SETTINGS = """timezone: {zone}
source:
  kind: files
  events: orders.csv
  columns: {{quantity: q, amount: paid, item_name: name}}
"""


def orders(*, days: int = 40, hour: int = 9, until: int = 1) -> list[str]:
    """Forty customers who buy between nine and eight, the last time `until` days ago, on the shop's clock."""
    now = datetime.now(ZoneInfo("Europe/Berlin"))
    start = (now - timedelta(days=days + until - 1)).replace(hour=hour, minute=0, second=0)
    return [
        f"{n % 40},{n % 17},{start + timedelta(days=day, minutes=n * 16):%Y-%m-%d %H:%M},1,2.5,Thing"
        for day in range(days)
        for n in range(41)
    ]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Doctor:
    """Run the doctor on these lines; exit code, and findings that are not good by what they are about."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def call(lines: list[str], *, zone: str = "Europe/Berlin", more: str = "") -> tuple[int, dict[str, Any]]:
        Path("orders.csv").write_text("\n".join(["customer_id,item_id,occurred_at,q,paid,name", *lines]) + "\n")
        Path("ml_assets.yaml").write_text(SETTINGS.format(zone=zone) + more)
        monkeypatch.setattr(sys, "argv", ["ml-assets", "doctor", "--json"])
        code = command.exit_code()
        found: dict[str, list[dict[str, str]]] = {}
        for finding in json.loads(capfd.readouterr().out):
            if finding["level"] != "good":
                found.setdefault(finding["about"], []).append(finding)
        return code, found

    return call


CHANNEL = "alerts: {channels: {ops: {url: 'json://127.0.0.1:%s/hook'}}, routes: [{channels: [ops]}]}\n"


def test_a_sound_shop_has_no_findings(doctor: Doctor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code, found = doctor(orders(), more=CHANNEL % server.getsockname()[1])
    assert (code, found) == (0, {})


def test_every_fault_is_told_at_once_and_nothing_is_changed(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    lines = [*orders(until=3), "7,3,soon,1,2.5,Thing", ",3,2026-01-01 10:00,1,2.5,Thing"]
    code, found = doctor(lines, more=CHANNEL % 1)
    assert code == 2
    assert found.keys() == {"lines", "days", "database", "channel ops"}
    assert "1 line (0.1%) is set aside as unreadable_occurred_at" in found["lines"][0]["words"]
    assert "line 1641: soon" in found["lines"][0]["words"]
    assert "source.columns.time" in found["lines"][0]["fix"]
    assert "2 days before yesterday" in found["days"][0]["words"]
    assert "127.0.0.1:1 does not answer" in found["channel ops"][0]["words"]
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {"orders.csv", "ml_assets.yaml", "source.json"}


def test_a_source_that_cannot_be_read_does_not_stop_the_other_checks(doctor: Doctor) -> None:
    code, found = doctor([], more="lake: /proc/nothing\n")
    assert code == 2
    assert found["source"][0]["level"] == found["lake"][0]["level"] == "error"
    assert "/proc cannot be written" in found["lake"][0]["words"]


def test_missing_days_and_a_newest_day_that_was_cut_off_are_noticed(doctor: Doctor) -> None:
    lines = orders()
    gone = {line.split(",")[2][:10] for line in lines[410:492]}
    kept = [line for line in lines if line.split(",")[2][:10] not in gone]
    _, found = doctor(kept[:-35])
    words = [finding["words"] for finding in found["days"]]
    assert words[0].startswith("2 of 40 days have no events: ")
    assert "has 6 events; its weekday usually has 41" in words[1]


def test_a_zone_in_which_the_shop_sleeps_by_day_is_doubted(doctor: Doctor) -> None:
    assert "hours" not in doctor(orders())[1]
    zoned = [line.replace(",1,2.5", "Z,1,2.5", 1) for line in orders(hour=9, until=2)]
    _, found = doctor(zoned, zone="Asia/Tokyo")
    assert re.search(r"quietest hours are \d+:00 to 1\d:00, by day, with 0% of the usual", found["hours"][0]["words"])


def test_times_spread_over_the_whole_day_have_no_quiet_hours_to_be_doubted(doctor: Doctor) -> None:
    rows = [line.split(",") for line in orders()]
    spread = [",".join([*row[:2], f"{row[2][:10]} {(n * 7) % 24:02}:30", *row[3:]]) for n, row in enumerate(rows)]
    assert "hours" not in doctor(spread)[1]


def test_a_dip_in_the_evening_is_not_called_midday(doctor: Doctor) -> None:
    hours = [hour for hour in range(24) if not 18 <= hour < 22]
    rows = [line.split(",") for line in orders()]
    busy = [",".join([*row[:2], f"{row[2][:10]} {hours[n % 20]:02}:30", *row[3:]]) for n, row in enumerate(rows)]
    words = doctor(busy)[1]["hours"][0]["words"]
    assert words.startswith("In Europe/Berlin the quietest hours are 18:00 to 22:00, in the evening, with 0%")


def test_every_column_that_is_not_there_is_a_finding_of_its_own(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_ASSETS_SOURCE__COLUMNS__QUANTITY", "pieces")
    monkeypatch.setenv("ML_ASSETS_SOURCE__COLUMNS__AMOUNT", "price * q")
    _, found = doctor(orders())
    words = [one["words"] for one in found["source"]]
    assert len(words) == 2
    assert "orders.csv has no column pieces (it has: customer_id," in words[0]
    assert "orders.csv has no column price, which source.columns.amount: price * q is made of" in words[1]


@pytest.mark.parametrize(("wrong", "end"), [(0, "0 errors, 0 warnings."), (1, "1 error, 0 warnings.")])
def test_what_was_found_is_counted_in_words_that_fit(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], wrong: int, end: str
) -> None:
    found = [Finding("source", "error", "Gone.", "Bring it back.")] * wrong
    monkeypatch.setattr("ml_assets.cli.doctor.command.look_at_data", lambda *_: found)
    monkeypatch.setattr("ml_assets.cli.doctor.command.look_at_places", lambda *_: [])
    Path("ml_assets.yaml").write_text(SETTINGS.format(zone="UTC"))
    monkeypatch.setattr(sys, "argv", ["ml-assets", "doctor"])
    assert command.exit_code() == (2 if wrong else 0)
    assert end in capfd.readouterr().out


def test_a_shop_with_little_to_learn_from_is_told_what_it_will_get(doctor: Doctor) -> None:
    _, found = doctor([f"{n % 3},{n % 4},{line.split(',', 2)[2]}" for n, line in enumerate(orders(days=5))])
    words = found["amount of data"][0]["words"]
    assert "3 customers (30 are wanted), 4 items (10 are wanted), 5 days (28 are wanted)" in words


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        ("paid * 0.6", None),
        ("paid * 3", "margin is -200% of what was paid. 1,640 lines cost more than was paid for them."),
        ("CASE WHEN customer_id < 10 THEN 1 END", "of 1,640 lines have a cost (27%); margin is 60% of what was paid."),
        ("nullif(q, 1)", "No line has both an amount and a cost."),
    ],
)
def test_costs_that_cannot_be_those_of_the_lines_are_doubted(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, cost: str, words: str | None
) -> None:
    monkeypatch.setenv("ML_ASSETS_SOURCE__COLUMNS__COST", cost)
    found = doctor(orders())[1].get("costs", [])
    assert [each["words"].endswith(words or "") for each in found] == [True] * (words is not None)


def test_items_that_the_catalogue_lacks_are_named(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id,title\n" + "".join(f"{n},Thing {n}\n" for n in range(9)))
    more = "  items: items.csv\n  item_columns: {item: id, name: title}\n"
    _, found = doctor(orders(), more=more)
    assert "17 items were sold, 9 of them are in the catalogue" in found["items"][0]["words"]


def test_a_role_that_may_not_create_schemas_is_told_the_grant(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, embedded_url: str
) -> None:
    with psycopg.connect(embedded_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE doctor_poor LOGIN")
        connection.execute("CREATE DATABASE doctor_shop")
    try:
        url = embedded_url.replace("/postgres?", "/doctor_shop?").replace("//postgres", "//doctor_poor")
        monkeypatch.setenv("DATABASE_URL", url)
        _, found = doctor(orders())
        assert found["rights"][0]["fix"] == "GRANT CREATE ON DATABASE doctor_shop TO doctor_poor;"
    finally:
        with psycopg.connect(embedded_url, autocommit=True) as connection:
            connection.execute("DROP DATABASE doctor_shop WITH (FORCE)")
            connection.execute("DROP ROLE doctor_poor")


def test_weekdays_on_which_nothing_is_ever_sold_are_told_with_the_setting(doctor: Doctor) -> None:
    lines = [line for line in orders() if datetime.fromisoformat(line.split(",")[2]).weekday() not in (5, 6)]
    _, found = doctor(lines)
    gaps = next(each for each in found["days"] if "have no events" in each["words"])
    assert "set calendar: {business_days: [mon, tue, wed, thu, fri]}." in gaps["fix"]


def test_lines_of_days_to_come_are_counted_with_their_place(doctor: Doctor) -> None:
    _, found = doctor([*orders(), "1,2,2099-01-01 10:00,1,1,Thing", "1,2,2099-01-02 10:00,1,1,Thing"])
    (later,) = [each for each in found["days"] if "dated after today" in each["words"]]
    assert later["words"].startswith("2 lines are dated after today")
    assert "orders.csv line 1641: 2099-01-01 10:00" in later["words"]


def test_an_id_of_the_order_in_place_of_the_customer_is_noticed(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_ASSETS_SOURCE__COLUMNS__ORDER", "customer_id")
    lines = [f"{number}{line[line.index(',') :]}" for number, line in enumerate(orders())]
    _, found = doctor(lines)
    words = [each["words"] for each in found["amount of data"]]
    assert any("nearly every order has a customer of its own" in each for each in words)
