"""`ml-assets init`: from an export to settings that read it, or to a question that names what cannot be known."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from ml_assets.events.contract import CheckedLines
from ml_assets.events.load import load_days
from ml_assets.settings.read.load import load_settings
from ml_assets.sources.build import build_source
from ml_assets_tests.cli.calls import Run, caller
from ml_assets_tests.sources.guess.exports import EXPORTS, ORDERS

TODAY = date(2026, 12, 31)
PURCHASES = {
    # Lines that are purchases, their sum, customers; one order of two lines is brought back everywhere.
    "shopify": (22, 77.0, 4),
    "woocommerce": (20, 70.0, 4),
    "online_retail": (22, 77.0, 4),
    "magento": (24, 84.0, 4),
    "analytics": (48, 168.0, 4),
    "german": (24, 84.0, 4),
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `ml-assets ...` in an empty folder; exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    return caller(monkeypatch, capfd)


def export(name: str) -> str:
    file, write = EXPORTS[name]
    Path(file).write_text(write())
    return file


def loaded() -> CheckedLines:
    """Everything that the written settings read, as one."""
    settings = load_settings()
    source = build_source(settings, today=TODAY)
    covered = source.days()
    days = [date.fromordinal(n) for n in range(covered.first.toordinal(), covered.last.toordinal() + 1)]
    parts = load_days(source, days, settings.events).values()
    read = sum(part.read for part in parts)
    return CheckedLines(pl.concat(one.valid for one in parts), pl.concat(one.quarantined for one in parts), read)


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_read_as_its_system_means_it(run: Run, name: str) -> None:
    code, shown, _ = run("init", "--from", export(name), "--yes", "--timezone", "Europe/Berlin")
    assert code == 0
    found = loaded()
    facts = (found.valid.height, found.valid["amount"].sum(), found.valid["customer_id"].n_unique())
    assert facts == PURCHASES[name]
    assert found.valid["order_id"].n_unique() <= len(ORDERS)
    assert f"{found.valid.height} of {found.read} lines" in shown


def test_the_file_says_why_and_holds_a_path_that_moves_with_it(run: Run) -> None:
    run("init", "--from", export("shopify"), "--yes")
    text = Path("ml_assets.yaml").read_text()
    assert "looks like a Shopify order export" in text
    assert "  events: orders.csv\n" in text
    assert "order_fields: first_line" in text
    assert "return_types: ['refunded', 'voided']" in text


def test_a_folder_of_files_is_read_by_its_newest(run: Run, tmp_path: Path) -> None:
    for day in ("2026-09-01", "2026-09-02"):
        (tmp_path / "days").mkdir(exist_ok=True)
        (tmp_path / f"days/{day}.csv").write_text(f"user_id,sku,created_at\n1,a,{day} 10:00\n2,b,{day} 11:00\n")
    code, shown, _ = run("init", "--from", "days", "--yes")
    assert code == 0
    assert "2 files, CSV, utf-8, commas between fields; events from 2026-09-01 to 2026-09-02." in shown


def test_a_settings_file_that_is_there_is_kept(run: Run) -> None:
    Path("ml_assets.yaml").write_text("timezone: Asia/Tokyo\n")
    code, _, errors = run("init", "--from", export("german"), "--yes")
    assert (code, Path("ml_assets.yaml").read_text()) == (1, "timezone: Asia/Tokyo\n")
    assert "--force" in errors
    assert run("init", "--from", "export.csv", "--yes", "--force")[0] == 0


def test_what_no_column_tells_is_said_with_the_option_that_says_it(run: Run) -> None:
    Path("orders.csv").write_text("k,sku,created_at\n1,a,2026-09-01 10:00\n2,b,2026-09-02 10:00\n")
    code, _, errors = run("init", "--from", "orders.csv", "--yes")
    assert (code, Path("ml_assets.yaml").exists()) == (1, False)
    assert "can be told to be the customer (it has: k, sku, created_at)" in errors
    assert "--column customer=COLUMN" in errors
    assert run("init", "--from", "orders.csv", "--yes", "--column", "customer='c' || k")[0] == 0
    assert loaded().valid["customer_id"].to_list() == ["c1", "c2"]


def test_an_order_of_day_and_month_that_no_date_tells_is_never_guessed(run: Run) -> None:
    Path("orders.csv").write_text("user_id,sku,created_at\n1,a,9/1/2026 10:00\n2,b,9/2/2026 10:00\n")
    code, _, errors = run("init", "--from", "orders.csv", "--yes")
    assert (code, Path("ml_assets.yaml").exists()) == (1, False)
    assert "2026-01-09 or 2026-09-01" in errors
    assert "--dates day or --dates month" in errors
    assert run("init", "--from", "orders.csv", "--yes", "--dates", "month")[0] == 0
    assert loaded().valid["day"].to_list() == [date(2026, 9, 1), date(2026, 9, 2)]


@pytest.mark.parametrize(
    ("content", "words"),
    [("user_id,sku,created_at\n", "has a header and no lines"), ("", "orders.csv")],
)
def test_a_file_without_lines_is_named(run: Run, content: str, words: str) -> None:
    Path("orders.csv").write_text(content)
    code, _, errors = run("init", "--from", "orders.csv", "--yes")
    assert code == 1
    assert words in errors


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--column", "buyer=x"), "--column buyer=x names no field"),
        (("--column", "item=nothing"), "has no column nothing"),
        (("--dates", "year"), "neither day nor month"),
        (("--timezone", "Mars/Base"), "Mars/Base"),
    ],
)
def test_a_wrong_option_is_named(run: Run, option: tuple[str, str], words: str) -> None:
    code, _, errors = run("init", "--from", export("german"), "--yes", *option)
    assert (code, Path("ml_assets.yaml").exists()) == (1, False)
    assert words in errors
    assert "Traceback" not in errors


def test_lines_without_a_customer_are_told_with_what_can_become_of_them(run: Run) -> None:
    lines = [f"{'' if n % 4 == 0 else n % 9},i-{n % 7},2026-11-{n % 28 + 1:02} 10:00,{n},1" for n in range(80)]
    Path("orders.csv").write_text("\n".join(["customer_id,sku,ordered_at,order_id,quantity", *lines]) + "\n")
    code, _, _ = run("init", "--from", "orders.csv", "--yes", "--timezone", "UTC")
    assert code == 0
    text = Path("ml_assets.yaml").read_text()
    assert "guests: left_out" in text
    assert "25% of the lines have no customer; with one_off they teach similar and popular items" in text
    assert loaded().quarantined["reason"].unique().to_list() == ["missing_customer_id"]
