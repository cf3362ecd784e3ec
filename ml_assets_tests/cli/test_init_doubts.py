"""`ml-assets init` judges what its own settings read: what is likely wrong is said, with exit code 2."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ml_assets.settings.read.load import load_settings
from ml_assets_tests.cli.calls import Run
from ml_assets_tests.cli.test_init import loaded, run
from ml_assets_tests.cli.test_init_folders import Terminal

__all__ = ["run"]
FIRST = datetime(2026, 9, 1, 10, tzinfo=UTC)
LINES = 200


def write(header: str, rows: Sequence[Sequence[object]]) -> None:
    Path("orders.csv").write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")


def at(n: int) -> str:
    return f"{FIRST + timedelta(hours=3 * n):%Y-%m-%d %H:%M:%S}"


def init(run: Run, *options: str) -> tuple[int, str, str]:
    return run("init", "--from", "orders.csv", "--yes", "--timezone", "UTC", *options)


def test_deleted_lines_and_cancelled_orders_are_no_purchases_and_what_is_not_taken_is_listed(run: Run) -> None:
    states = ("paid", "shipped", "pending", "cancelled", "refunded")
    rows = [
        (at(n) if n % 50 == 0 else "", n % 9, f"s{n % 7}", "2026-11-01", at(n), int(n % 50 == 1), f"{n}.25",
         f"{n}.50" if n % 2 else n, states[n % 5])
        for n in range(LINES)
    ]  # fmt: skip
    write("deleted_at,buyer_id,sku,updated_at,placed,is_deleted,vat,net,state", rows)
    code, said, errors = init(run)
    assert (code, errors) == (0, "")
    found, written = loaded(), Path("ml_assets.yaml").read_text()
    left_out = LINES // 50 * 2
    assert found.quarantined.filter(reason="left_out").height == left_out
    assert found.valid["occurred_at"].max() == FIRST + timedelta(hours=3 * (LINES - 3))
    assert set(found.valid["event_type"]) == {"paid", "shipped", "pending"}
    assert found.valid["amount"].null_count() == 0
    assert "cancelled, refunded are no purchases; paid, shipped, pending are" in " ".join(said.split())
    assert "deleted_at marks 2.0% of the lines" in written
    for text in (said, written):
        assert "updated_at (times, 100% filled), vat (numbers with two decimals)" in text


def test_a_state_beside_another_kind_of_event_leaves_lines_out(run: Run) -> None:
    states = ("ok paid", "payment declined", "partially refunded")
    rows = [(n % 9, n % 7, at(n), ("sale", "return")[n % 10 == 0], states[n % 3]) for n in range(LINES)]
    write("buyer_id,sku,sold_at,type,zustand", rows)
    assert init(run)[0] == 0
    found = loaded()
    assert load_settings().events.return_types == ["return"]
    declined = sum(n % 3 == 1 for n in range(LINES))
    assert found.quarantined.filter(reason="left_out").height == declined


def test_a_time_that_few_lines_have_is_said_with_the_option_that_says_another(run: Run) -> None:
    write("created_at,buyer_id,sku", [(at(n) if n % 10 == 0 else "", n % 9, n % 7) for n in range(LINES)])
    code, _, errors = init(run)
    assert code == 2
    assert "180 are missing_occurred_at (time is created_at)" in errors
    assert "--column time=COLUMN" in errors
    assert "LIKELY WRONG: Only 20 of 200 lines" in Path("ml_assets.yaml").read_text()


def test_lines_of_one_day_alone_are_doubted_unless_that_is_what_was_said(run: Run) -> None:
    write("created_at,buyer_id,sku", [("2026-09-01 10:00", n % 9, n % 7) for n in range(LINES)])
    code, _, errors = init(run)
    assert code == 2
    assert "All lines lie on one day, 2026-09-01 (time is created_at)" in errors
    assert init(run, "--force", "--column", "time=created_at")[0] == 0


def test_the_end_of_an_order_is_never_its_time(run: Run) -> None:
    write("deleted_at,expires_on,buyer_id,sku", [(at(n), at(n), n % 9, n % 7) for n in range(LINES)])
    code, _, errors = init(run)
    assert code == 1
    assert "can be told to be the time" in errors


def test_money_and_pieces_are_told_by_their_words(run: Run) -> None:
    rows = [(n % 9, at(n)[:10], 1 + n % 4, f"{n}.{n % 90 + 10}") for n in range(LINES)]
    write("customer_id,date,number_of_cds,dollar_value", rows)
    assert init(run)[0] == 0
    columns = load_settings().source.model_dump()["columns"]
    assert (columns["quantity"], columns["amount"]) == ("number_of_cds", "dollar_value")


def test_several_columns_that_may_be_the_amount_are_named_and_none_is_taken(run: Run) -> None:
    rows = [(n % 9, n % 7, at(n), f"{n}.25", f"{n}.75", 1 + n % 4) for n in range(LINES)]
    write("buyer_id,sku,sold_at,one,other,many", rows)
    code, said, _ = init(run)
    assert code == 0
    assert load_settings().source.model_dump()["columns"]["amount"] is None
    for text in (said, Path("ml_assets.yaml").read_text()):
        assert "numbers with two decimals are in one, other: say which with --column amount=COLUMN" in text
        assert "small whole numbers are in many" in text


@pytest.mark.parametrize("answer", ["n", "y"])
def test_where_somebody_is_there_doubtful_settings_are_asked_about(
    run: Run, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("created_at,buyer_id,sku", [("2026-09-01 10:00", n % 9, n % 7) for n in range(LINES)])
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    code, _, errors = run("init", "--from", "orders.csv", "--timezone", "UTC")
    assert (code, Path("ml_assets.yaml").exists()) == ((1, False) if answer == "n" else (2, True))
    assert "All lines lie on one day" in errors


def test_ctrl_c_at_a_question_says_that_nothing_was_written(run: Run) -> None:
    write("created_at,buyer_id,sku", [(at(n), n % 9, n % 7) for n in range(LINES)])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from ml_assets.cli.main import main; main()", "init", "--from", "orders.csv"]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        said = b""
        while b"time zone" not in said:
            said += os.read(process.stdout.fileno(), 4096) or pytest.fail(said.decode())
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=60)[0]
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 128 + signal.SIGINT
    assert b"No settings file was written" in said
    assert not Path("ml_assets.yaml").exists()
