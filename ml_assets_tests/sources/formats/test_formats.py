"""Files in the formats and dialects that shops export, and complaints about those that cannot be read."""

import gzip
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.settings.shop import Settings
from ml_assets.settings.source import FilesSource
from ml_assets.sources.files import Files
from ml_assets.sources.formats.csv import find_dialect
from ml_assets_tests.refused import refused

DAY = date(2026, 9, 1)
NAMES = ["Crème brûlée", "Käse; mild", 'The "best" tea', "Two,\nlines", "Plain"]
COLUMNS = {"customer": "who", "item": "what", "time": "when", "amount": "paid", "item_name": "name"}


def orders(**change: list[Any]) -> pl.DataFrame:
    rows = len(NAMES)
    frame = {
        "who": [str(100 + row) for row in range(rows)],
        "what": [str(row) for row in range(rows)],
        "when": [f"{DAY} 10:0{row}:00" for row in range(rows)],
        "paid": ["1.5"] * rows,
        "name": NAMES,
    }
    return pl.DataFrame({**frame, **change})


def source(folder: Path, name: str, **more: Any) -> Files:
    chosen = FilesSource(**{"kind": "files", "events": str(folder / name), "columns": COLUMNS, **more})
    return Files(Settings(home=folder / "home", source=chosen), chosen, today=date(2026, 12, 31))


def names(files: Files) -> list[str]:
    assert files.read_lines(DAY, DAY).height == len(NAMES)
    return files.read_items().sort("item_id")["item_name"].to_list()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encoding_and_separator_of_csv_are_found(tmp_path: Path, encoding: str, separator: str) -> None:
    (tmp_path / "orders.csv").write_bytes(orders().write_csv(separator=separator).encode(encoding))
    assert names(source(tmp_path, "orders.csv")) == NAMES


CZECH = ["Příliš žluťoučký kůň", "úpěl ďábelské ódy", "Čaj černý", "Žitný chléb", "Mléko"]
RUSSIAN = ["Молоко", "Хлеб ржаной", "Чай чёрный", "Масло сливочное", "Сыр"]


@pytest.mark.parametrize(("words", "encoding"), [(CZECH, "cp1250"), (RUSSIAN, "cp1251")])
def test_letters_of_other_alphabets_are_read_as_they_are(tmp_path: Path, words: list[str], encoding: str) -> None:
    (tmp_path / "orders.csv").write_bytes(orders(name=words).write_csv().encode(encoding))
    assert names(source(tmp_path, "orders.csv")) == words
    assert names(source(tmp_path, "orders.csv", encoding=encoding)) == words


def test_hard_blanks_between_words_are_western(tmp_path: Path) -> None:
    words = ["Konftel\xa0250 phone\xa0\x96 black", "Imation\xa08GB", "Mini\xa0USB", "Café\xa0noir", "Plain"]
    words = [word.replace("\x96", "\u2013") for word in words]
    (tmp_path / "orders.csv").write_bytes(orders(name=words).write_csv().encode("cp1252"))
    assert find_dialect(str(tmp_path / "orders.csv"), FilesSource(kind="files", events="x"), ()).encoding == "cp1252"
    assert names(source(tmp_path, "orders.csv")) == words


def zipped(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inside.csv", content)
        archive.writestr("__MACOSX/._inside.csv", b"junk")


def zstandard(path: Path, content: bytes) -> None:
    pl.read_csv(content, infer_schema=False).lazy().sink_csv(path, compression="zstd", check_extension=False)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize(
    ("ending", "pack"),
    [("gz", lambda path, content: path.write_bytes(gzip.compress(content))), ("zip", zipped)],
)
def test_packed_files_are_read(tmp_path: Path, ending: str, pack: Callable[[Path, bytes], None], encoding: str) -> None:
    pack(tmp_path / f"orders.csv.{ending}", orders().write_csv(separator=";").encode(encoding))
    assert names(source(tmp_path, f"orders.csv.{ending}")) == NAMES


def test_zstandard_is_read(tmp_path: Path) -> None:
    zstandard(tmp_path / "orders.csv.zst", orders().write_csv().encode())
    assert names(source(tmp_path, "orders.csv.zst")) == NAMES


def test_ndjson_is_read_with_keys_that_only_later_lines_have(tmp_path: Path) -> None:
    orders().with_columns(pl.col("who", "what").cast(pl.Int64)).write_ndjson(tmp_path / "orders.ndjson")
    lines = (tmp_path / "orders.ndjson").read_text()
    (tmp_path / "orders.ndjson").write_text(lines.replace('"paid":"1.5",', "", 1))
    files = source(tmp_path, "orders.ndjson")
    assert names(files) == NAMES
    assert files.read_lines(DAY, DAY)["amount"].to_list() == [None, 1.5, 1.5, 1.5, 1.5]


def workbook(path: Path, sheets: dict[str, list[list[Any]]]) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)


def cells(who: int = 100) -> list[list[Any]]:
    lines = [[who + row, row, datetime(2026, 9, 1, 10, row), 1.5, name] for row, name in enumerate(NAMES)]  # noqa: DTZ001
    return [list(orders().columns), *lines]


def test_the_sheet_with_the_mapped_columns_is_read(tmp_path: Path) -> None:
    workbook(tmp_path / "orders.xlsx", {"Notes": [["hello"]], "Orders": cells()})
    files = source(tmp_path, "orders.xlsx")
    assert names(files) == NAMES
    assert files.id_types().customer == "bigint"


def test_of_two_sheets_that_fit_one_has_to_be_named(tmp_path: Path) -> None:
    workbook(tmp_path / "orders.xlsx", {"2025": cells(), "2026": cells(200)})
    with refused("source.unreadable", "2 sheets with the mapped columns: 2025, 2026"):
        source(tmp_path, "orders.xlsx").days()
    chosen = source(tmp_path, "orders.xlsx", sheet="2026").read_lines(DAY, DAY)
    assert chosen["customer_id"].min() == 200
    with refused("source.unreadable", "no sheet 'Lines' .it has: 2025, 2026"):
        source(tmp_path, "orders.xlsx", sheet="Lines").days()


def test_an_id_that_a_cell_cannot_hold_is_refused(tmp_path: Path) -> None:
    workbook(tmp_path / "orders.xlsx", {"Orders": cells(1234567890123456789)})
    with pytest.raises(Exception, match="has lost digits"):
        source(tmp_path, "orders.xlsx").id_types()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("orders.csv.gz", gzip.compress(orders().write_csv().encode() * 50)[:200], r"orders\.csv\.gz cannot be read"),
        ("orders.csv.zip", b"PK nothing", r"orders\.csv\.zip is no whole zip file"),
        ("orders.ndjson", b'{"who": 1}\n{"who": 2\n', r"orders\.ndjson line 2 is no JSON object"),
        ("orders.ndjson", b"[1, 2]\n", r"orders\.ndjson line 1 is no JSON object"),
        ("orders.xlsx", b"PK nothing", r"orders\.xlsx is no readable workbook"),
        ("orders.csv", "who,name\n1,Käse\n".encode() + b"2,K\xe4se\n", "two encodings: line 2 in UTF-8, line 3 not"),
        ("orders.csv", b"", r"orders\.csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with refused("source.unreadable", words):
        source(tmp_path, name).days()


def test_a_zip_of_two_files_is_refused_with_their_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "orders.csv.zip", "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with refused("source.unreadable", r"holds 2 files \(a\.csv, b\.csv\)"):
        source(tmp_path, "orders.csv.zip").days()


def test_an_encoding_that_does_not_fit_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_bytes(orders().write_csv().encode("cp1252"))
    with refused("source.unreadable", "line 2 is not written in utf-8-sig"):
        source(tmp_path, "orders.csv", encoding="utf-8-sig").days()


@given(
    text=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_name_survives_any_dialect(
    tmp_path_factory: pytest.TempPathFactory, text: str, separator: str, encoding: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    frame = orders(name=[text, *NAMES[1:]])
    (folder / "orders.csv").write_bytes(frame.write_csv(separator=separator, quote_style="always").encode(encoding))
    files = source(folder, "orders.csv", null_words=[])
    assert find_dialect(str(folder / "orders.csv"), files._source, list(frame.columns)).separator == separator  # noqa: SLF001
    assert names(files)[0] == (text.strip() or None)


HEADER = ["who", "what", "when", "paid", "name"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_files_without_a_header_have_the_names_that_are_set(tmp_path: Path, separator: str, encoding: str) -> None:
    content = orders().write_csv(separator=separator, include_header=False).encode(encoding)
    (tmp_path / "orders.csv").write_bytes(content)
    assert names(source(tmp_path, "orders.csv", csv_header=HEADER, csv_separator=separator)) == NAMES


def test_too_few_names_for_the_columns_are_named(tmp_path: Path) -> None:
    orders().write_csv(tmp_path / "orders.csv", include_header=False)
    with refused("source.unreadable", "orders.csv has 5 columns, and source.csv_header names 2"):
        source(tmp_path, "orders.csv", csv_header=["who", "what"]).id_types()


@pytest.mark.parametrize("pack", [lambda content: content, gzip.compress])
@pytest.mark.parametrize("header", [True, False])
def test_columns_that_are_padded_with_blanks_are_parted(
    tmp_path: Path, pack: Callable[[bytes], bytes], *, header: bool
) -> None:
    lines = [f" {100 + n}  {n:03}   {DAY}T10:0{n}  {n}.50 \t Plain{n}" for n in range(len(NAMES))]
    text = "\n".join([" who what   when paid name", *lines] if header else lines) + "\n"
    file = "orders.txt" if pack(b"") == b"" else "orders.txt.gz"
    (tmp_path / file).write_bytes(pack(text.encode()))
    found = source(tmp_path, file, csv_header=None if header else HEADER)
    assert names(found) == [f"Plain{n}" for n in range(len(NAMES))]
    assert found.read_lines(DAY, DAY)["item_id"].to_list() == [f"{n:03}" for n in range(len(NAMES))]


def test_a_header_alone_is_for_event_files_and_not_for_their_catalogue(tmp_path: Path) -> None:
    orders().write_csv(tmp_path / "orders.csv", include_header=False)
    pl.DataFrame({"sku": ["0", "1"], "title": ["Tea", "Milk"]}).write_csv(tmp_path / "items.csv")
    found = source(
        tmp_path, "orders.csv", csv_header=HEADER, items=str(tmp_path / "items.csv"),
        item_columns={"item": "sku", "name": "title"},
    )  # fmt: skip
    assert found.read_items()["item_name"].to_list() == ["Tea", "Milk"]


def test_a_column_of_lists_is_no_id_and_what_to_set_is_said(tmp_path: Path) -> None:
    line = '{"who": 1, "when": "2026-09-01 10:00", "what": [{"id": 1, "price": 2.0}], "paid": 1, "name": "x"}\n'
    (tmp_path / "events.ndjson").write_text(line)
    with refused("source.unreadable", "events.ndjson: the column what holds List"):
        source(tmp_path, "events.ndjson").id_types()
    with refused("source.unreadable", "the column who holds no lists of items"):
        source(tmp_path, "events.ndjson", unnest="who").id_types()
    with refused("source.unreadable", "events.ndjson has no column goods"):
        source(tmp_path, "events.ndjson", unnest="goods").id_types()
