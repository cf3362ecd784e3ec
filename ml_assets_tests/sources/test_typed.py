"""Large CSV files are read with numbers as numbers, and give what their texts give."""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml_assets.settings.shop import Settings
from ml_assets.sources import looked
from ml_assets.sources.base import BLOCK_ROWS
from ml_assets.sources.build import build_source
from ml_assets.sources.files import Files
from ml_assets.sources.looked import LookedFiles
from ml_assets.sources.values import PLAIN_INTEGER, read_ids

DAY, TODAY = date(2024, 5, 1), date(2024, 12, 31)
HEADER = ("customer_id", "item_id", "occurred_at", "pieces", "paid")
MAPPING = {"quantity": "pieces", "amount": "paid"}
IDS = ("1", "2", "17", "007", "+5", " 5", "5 ", "17.0", "", "NULL", "-3", "1" * 19, "1.5E+18", "x")
NUMBERS = (
    "1",
    "2.50",
    " 5",
    "5 ",
    "+5",
    "-1",
    "1e3",
    "",
    "NaN",
    "inf",
    "-Infinity",
    "1E400",
    "1,015.20",
    "$3",
    "(2)",
    "x",
)
Line = tuple[str, str, str, str]


@pytest.fixture(scope="module", autouse=True)
def small_files_count_as_large() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looked, "LARGE", 0)
        yield


def source(folder: Path, **more: object) -> Files:
    section = {"kind": "files", "events": str(folder / "lines.csv"), "columns": MAPPING, **more}
    found = build_source(Settings.model_validate({"home": folder / "home", "source": section}), today=TODAY)
    assert isinstance(found, Files)
    return found


def write(folder: Path, lines: list[Line]) -> None:
    with (folder / "lines.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        rows.writerows((customer, item, f"{DAY} 10:00:00", pieces, paid) for customer, item, pieces, paid in lines)


def read(folder: Path, **more: object) -> pl.DataFrame:
    return source(folder, **more).read_lines(DAY, TODAY)


def by_texts(read_lines: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LookedFiles, "_typed", lambda *_: None)
        return read_lines()


def is_typed(folder: Path, **more: object) -> bool:
    found = source(folder, **more)
    found.id_types()
    return found._mapped._typed(str(folder / "lines.csv")) is not None  # noqa: SLF001 what is asked


LINES = st.lists(st.tuples(*map(st.sampled_from, (IDS, IDS, NUMBERS, NUMBERS))), min_size=1, max_size=6)


@given(lines=LINES)
@example(lines=[("1", "2", "3", "4.5"), ("2", "3", "-1", "NaN")])
@example(lines=[("1", "2", "3", "-Infinity")])
@example(lines=[("1", "2", "3", "4.5"), ("17.0", "3", "1", "1")])
@example(lines=[("1", "2", "3", "4.5"), ("", " 5", "", "")])
def test_any_lines_give_what_their_texts_give(lines: list[Line]) -> None:
    if any("E+18" in text for line in lines for text in line[:2]):
        # Ids that have lost digits are refused before anything is read.
        lines = [("1", "1", *line[2:]) for line in lines]
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, lines)
        assert read(folder).equals(by_texts(lambda: read(folder)))


def test_numbers_are_read_as_numbers_and_ids_only_where_all_are_integers(tmp_path: Path) -> None:
    write(tmp_path, [("1", "2", "3", "4.5")])
    assert is_typed(tmp_path)
    assert read(tmp_path).select("customer_id", "item_id", "quantity", "amount").row(0) == (1, 2, 3.0, 4.5)
    write(tmp_path, [("1", "2", "3", "4.5"), ("007", "2", "3", "4.5")])
    assert read(tmp_path)["customer_id"].to_list() == [1, None]
    assert read(tmp_path)["detail"].to_list() == [None, "007"]


def test_a_small_file_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, [("1", "2", "3", "4.5")])
    found, path = source(tmp_path), str(tmp_path / "lines.csv")
    found.days()
    assert not found._mapped.is_kept(path)  # noqa: SLF001 what is asked
    monkeypatch.setattr(looked, "LARGE", 2**20)
    found = source(tmp_path)
    found.days()
    assert found._mapped.is_kept(path)  # noqa: SLF001 what is asked


@pytest.mark.parametrize(
    "setting",
    [
        {"where": "pieces <> '9'"},
        {"columns": MAPPING | {"amount": "paid * pieces"}},
        {"columns": MAPPING | {"order": "pieces"}},
        {"null_words": ["0"]},
        {"order_fields": "first_line", "columns": MAPPING | {"order": "item_id"}},
    ],
)
def test_where_a_text_may_be_needed_it_is_read(tmp_path: Path, setting: dict[str, object]) -> None:
    write(tmp_path, [("1", "2", "0", "4.5"), ("2", "2", "9", "1.0")])
    assert read(tmp_path, **setting).equals(by_texts(lambda: read(tmp_path, **setting)))


@pytest.mark.parametrize("late", ["1,015.20", "many", "inf"])
def test_from_a_value_on_that_is_no_number_to_the_reader_lines_are_read_as_text(tmp_path: Path, late: str) -> None:
    count = BLOCK_ROWS + 1000
    write(tmp_path, [(str(number % 9), "2", "1", "4.5") for number in range(count)] + [("1", "2", "1", late)])
    found = read(tmp_path)
    assert found.equals(by_texts(lambda: read(tmp_path)))
    assert found["line"].to_list() == list(range(1, count + 2))


def test_a_file_that_changed_since_it_was_looked_at_is_read_as_text(tmp_path: Path) -> None:
    write(tmp_path, [("1", "2", "1", "4.5")])
    found = source(tmp_path)
    assert found.read_lines(DAY, TODAY)["customer_id"].to_list() == [1]
    write(tmp_path, [("1", "2", "1", "4.5"), ("007", "2", "1", "4.5")])
    assert found.read_lines(DAY, TODAY)["customer_id"].to_list() == [1, None]


INTEGERS = ("0", "1", "9", "10", "99", "100", "007", "00", "+5", "-3", "-0", "9" * 18, "1" * 19, None)


@given(texts=st.lists(st.sampled_from(INTEGERS)))
def test_integers_are_ids_as_they_are_written_or_none(texts: list[str | None]) -> None:
    found = read_ids(pl.Series("id", texts, dtype=pl.String), "bigint", ())
    assert found.to_list() == [int(text) if text and re.search(PLAIN_INTEGER, text) else None for text in texts]
