"""What cannot be read is named: the file, the line, the column, and what to do."""

from datetime import date
from pathlib import Path

import pytest

from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import FilesSource
from ml_assets.sources.build import build_source
from ml_assets.sources.files import Files
from ml_assets_tests.nobody import as_nobody, opened_to_all
from ml_assets_tests.refused import refused
from ml_assets_tests.sources.test_files import CSV, frame, source


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    frame(ts=[date(2024, 5, 31)]).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with refused("source.unreadable", r"events\.parquet"):
        source(tmp_path, "events.parquet").days()


def test_a_missing_column_is_named_with_the_columns_there_are(tmp_path: Path) -> None:
    frame(when=[date(2024, 5, 31)]).write_csv(tmp_path / "events.csv")
    with pytest.raises(UserError, match=r"events\.csv has no column ts \(it has: user, sku, q, amt, when\)"):
        source(tmp_path).days()


def test_a_csv_line_with_too_many_fields_is_an_error_and_shifts_no_values(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(CSV + "6,y,2024-05-31,1,1,5\n")
    with pytest.raises(UserError, match=r"events\.csv cannot be read: line 8 has 6 fields, the header 5"):
        source(tmp_path).read_lines(date(2024, 5, 1), date(2024, 5, 31))


def test_no_file_at_all_is_named(tmp_path: Path) -> None:
    with refused("source.unreadable", r"source\.events: .*nothing"):
        source(tmp_path, "nothing").days()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "hold no lines"),
        (["c,i,2030-01-01 10:00", "c,i,2030-01-03 10:00"], "of days to come, the earliest of 2030-01-01; today is"),
        (["c,i,yesterday", "c,i,today"], r"has a readable time in column t \(.*e\.csv: yesterday\)"),
    ],
)
def test_files_without_a_line_of_today_or_before_say_which_of_the_reasons_it_is(
    tmp_path: Path, lines: list[str], words: str
) -> None:
    (tmp_path / "e.csv").write_text("\n".join(["c,i,t", *lines, ""]), encoding="utf-8")
    columns = {"customer": "c", "item": "i", "time": "t"}
    source = FilesSource.model_validate({"kind": "files", "events": str(tmp_path / "e.csv"), "columns": columns})
    with pytest.raises(UserError, match=words):
        build_source(Settings(home=tmp_path, source=source)).days()


def delivered(folder: Path, **files: str) -> Files:
    """A shop of several CSV files by the days of September 2026."""
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    columns = {"customer": "who", "item": "what", "time": "when"}
    chosen = FilesSource(kind="files", events=str(folder / "*.csv"), columns=columns)
    return Files(Settings(home=folder / "home", source=chosen), chosen, today=date(2026, 12, 31))


GOOD = "who,what,when\n1,2,2026-09-01\n3,4,2026-09-01\n"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (
            "who,what,when\n1,2,2026-09-02\n3,4,2026-09-02,5,6\n",
            "b.csv cannot be read: line 3 has 5 fields, the header 3",
        ),
        (
            'who,what,when\n1,2,2026-09-02\n3,"4,2026-09-02\n5,6,2026-09-02\n',
            "a quote opens in line 3 and is never closed",
        ),
        ("", "b.csv is empty: it has not even a header"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path: Path, bad: str, words: str) -> None:
    files = delivered(tmp_path, a=GOOD, b=bad)
    with refused("source.unreadable", words):
        files.days()
        files.read_lines(date(2026, 9, 1), date(2026, 9, 2))


def test_a_column_that_newer_files_call_otherwise_is_told_with_the_expression_that_reads_both(tmp_path: Path) -> None:
    files = delivered(tmp_path, a=GOOD, b="Customer No,what,when\n1,2,2026-09-02\n")
    with refused("source.unreadable", "b.csv has no column who") as raised:
        files.days()
    assert 'coalesce(who, "Customer No")' in raised.value.next_step


def test_a_separator_that_is_set_wrongly_is_told_with_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    chosen = FilesSource(kind="files", events=str(tmp_path / "a.csv"), csv_separator=";")
    with refused("source.unreadable", "has no column customer_id") as raised:
        Files(Settings(home=tmp_path / "home", source=chosen), chosen, today=date(2026, 12, 31)).days()
    assert "Set source.csv_separator to ','" in raised.value.next_step


@pytest.mark.parametrize("events", ["closed", "closed/events.csv", "closed/*.csv", "closed/deep/*.csv"])
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, events: str) -> None:
    closed = tmp_path / "closed"
    (closed / "deep").mkdir(parents=True)
    (closed / "events.csv").write_text(CSV)
    found = source(tmp_path, events)
    opened_to_all(tmp_path)
    closed.chmod(0)
    try:
        with as_nobody(), refused("source.unreadable", f"source.events: {closed} may not be read"):
            _ = found.event_paths
    finally:
        closed.chmod(0o700)
