"""Orders and their items in two sets of files."""

import os
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ml_assets.events.source_scan import SourceScan
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import FilesSource
from ml_assets.sources.files import Files
from ml_assets_tests.refused import refused

FIRST, LAST = date(2026, 9, 1), date(2026, 9, 2)
ITEMS = "order_id,sku,n,status\n1,a,2,sent\n2,b,1,sent\n1,c,1,sent\n3,a,1,sent\n"
HEADS = "id,who,at,status\n1,17,2026-09-01 10:00,paid\n2,18,2026-09-02 10:00,paid\n"
COLUMNS = {"customer": "who", "item": "sku", "time": "at", "quantity": "n", "order": "order_id"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("items/1.csv", ITEMS), ("orders/1.csv", HEADS)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def shop(folder: Path, **more: Any) -> Files:
    section = {"kind": "files", "events": f"{folder}/items", "orders": f"{folder}/orders", "orders_on": "order_id = id"}
    chosen = FilesSource.model_validate({**section, "columns": COLUMNS, **more})
    return Files(Settings(home=folder / "home", source=chosen), chosen, today=date(2026, 12, 31))


def test_every_line_has_what_stands_in_its_order(folder: Path) -> None:
    lines = shop(folder).read_lines(FIRST, LAST)
    assert lines.select("customer_id", "item_id", "line", "quantity").sort("line").rows() == [
        (17, "a", 1, 2.0),
        (18, "b", 2, 1.0),
        (17, "c", 3, 1.0),
        (None, "a", 4, 1.0),
    ]
    # An order that is not there yet is no reason to lose its line.
    assert lines.filter(line=4)["source_day"].to_list() == [LAST]


def test_the_newest_mention_of_an_order_wins_and_types_do_not_matter(folder: Path) -> None:
    newer = pl.DataFrame({"id": [2, 3], "who": [19, 20], "at": ["2026-09-02 11:00"] * 2})
    newer.write_parquet(folder / "orders/2.parquet")
    assert shop(folder).read_lines(FIRST, LAST).sort("line")["customer_id"].to_list() == [17, 19, 17, 20]


def test_a_column_of_both_is_the_lines_own(folder: Path) -> None:
    lines = shop(folder, columns={**COLUMNS, "event_type": "status || '/' || coalesce(status_of_order, '')"})
    assert set(lines.read_lines(FIRST, LAST)["event_type"]) == {"sent/paid", "sent/"}


def test_a_changed_order_lets_its_lines_be_looked_at_again(folder: Path) -> None:
    for path in folder.glob("*/*.csv"):
        os.utime(path, (1_700_000_000, 1_700_000_000))

    def look(memory: str | None) -> SourceScan:
        scan = SourceScan(shop(folder), memory, today=date(2026, 9, 3))
        scan.contents(FIRST, LAST)
        return scan

    first = look(None)
    assert look(first.memory).read == []
    (folder / "orders/1.csv").write_text(HEADS.replace("18", "21"))
    os.utime(folder / "orders/1.csv", (1_700_000_100, 1_700_000_100))
    assert len(look(first.memory).read) == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"orders_on": "order_id"}, r"orders/1\.csv has no column order_id, by which lines and orders belong together"),
        ({"orders_on": "number = id"}, r"items/1\.csv has no column number, by which"),
        ({"orders": "nowhere"}, r"source\.orders: no CSV"),
        ({"columns": {**COLUMNS, "amount": "total"}}, r"items/1\.csv has no column total \(it has: order_id, sku, n"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_setting(folder: Path, more: dict[str, Any], words: str) -> None:
    with refused("source.unreadable", words):
        shop(folder, **more).days()
