"""Tables from files: types, and complaints with the place of each cell."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from ml_assets.errors import UserError
from ml_assets.exchange.table_file import TIME, Column, read_table

COLUMNS = {
    "id": Column(pl.Int64(), required=True, filled=True),
    "day": Column(pl.Date()),
    "at": Column(TIME),
    "word": Column(words=("yes", "no")),
}
AT_SEVEN = datetime(2026, 5, 1, 7, tzinfo=UTC)


def test_cells_of_csv_and_of_parquet_have_the_same_types(tmp_path: Path) -> None:
    csv, parquet = tmp_path / "a.csv", tmp_path / "a.parquet"
    csv.write_text("word,id,at,day\n yes ,7,2026-05-01T09:00,2026-05-01\n,8,2026-05-01T07:00Z,\n")
    pl.DataFrame(
        {
            "id": [7.0, 8.0],
            "day": [date(2026, 5, 1), None],
            "at": [AT_SEVEN.replace(tzinfo=None, hour=9)] * 2,
            "word": ["yes", None],
        }
    ).write_parquet(parquet)
    expected = [(7, date(2026, 5, 1), AT_SEVEN, "yes"), (8, None, AT_SEVEN, None)]
    for path in (csv, parquet):
        assert read_table(path, COLUMNS, tz=ZoneInfo("Europe/Berlin")).rows() == expected


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_spreadsheets_write_between_cells_is_understood(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"\ufeffid{separator}word\n7{separator}yes\n", encoding="utf-8")
    assert read_table(path, COLUMNS).rows() == [(7, "yes")]


def test_everything_wrong_is_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("word,id,at\nmaybe,1,\nno,,soon\nno,2,0001-01-01T00:00+14:00\nn\0,3,\n", encoding="utf-8")
    with pytest.raises(UserError) as refused:
        read_table(path, COLUMNS)
    time = "a time such as 2026-05-01 or 2026-05-01T09:30+02:00"
    assert refused.value.problem == (
        f"{path} is not taken: line 2, column word: 'maybe' is not one of yes, no; "
        f"line 3, column at: 'soon' is not {time}; line 3, column id: empty; "
        f"line 4, column at: '0001-01-01T00:00+14:00' is not {time}; "
        "line 5, column word: 'n\\x00' is not one of yes, no."
    )


def test_of_many_complaints_ten_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"id": [1.5] * 2_000}).write_parquet(path)
    with pytest.raises(UserError, match=r"row 10, column id: 1\.5 is not a whole number; and 1,990 more\.") as refused:
        read_table(path, COLUMNS)
    assert "row 11" not in refused.value.problem
