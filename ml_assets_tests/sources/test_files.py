"""A shop's own files: any of the usual shapes, and faults that name the file."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from upath import UPath

from ml_assets.settings.shop import Settings
from ml_assets.settings.source import FilesSource
from ml_assets.sources.base import LINE_COLUMNS
from ml_assets.sources.files import Files

COLUMNS = {"customer": "user", "item": "sku", "time": "ts", "quantity": "q", "amount": "amt"}
TODAY = date(2024, 12, 31)
CSV = """user,sku,ts,q,amt
1,007,2024-05-30T10:00:00,1,2.5
2,x,2024-05-31 11:00,abc,2.5
,x,2024-05-31,1,2.5
3,y,garbage,1,1
4,y,2024-05-31T23:30:00Z,1,1
5,y,2024-05-31T23:30:00+02:00,1,1
"""


def source(folder: Path, events: str = "events.csv", **more: Any) -> Files:
    zone = more.pop("timezone", "Europe/Berlin")
    settings = FilesSource(**{"kind": "files", "events": str(folder / events), "columns": COLUMNS, **more})
    return Files(Settings(home=folder / "home", timezone=zone, source=settings), settings, today=TODAY)


def frame(**columns: list[Any]) -> pl.DataFrame:
    rows = len(next(iter(columns.values())))
    ones: dict[str, list[Any]] = {"user": [1] * rows, "sku": [1] * rows, "q": [1] * rows, "amt": [1.0] * rows}
    return pl.DataFrame({**ones, **columns})


def test_csv_lines_keep_their_file_and_row_and_what_could_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(CSV)
    lines = source(tmp_path).read_lines(date(2024, 5, 30), date(2024, 6, 1))
    assert tuple(lines.columns) == LINE_COLUMNS
    assert lines.height == 6
    bad = lines.filter(pl.col("unreadable").is_not_null()).select("line", "unreadable", "detail").rows()
    assert bad == [(2, "quantity", "abc"), (4, "occurred_at", "garbage")]
    assert lines["source"].unique().to_list() == [str(tmp_path / "events.csv")]


def test_leading_zeros_make_an_id_text(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(CSV)
    found = source(tmp_path)
    assert (found.id_types().customer, found.id_types().item) == ("bigint", "text")
    assert found.read_lines(date(2024, 5, 30), date(2024, 5, 30))["item_id"].to_list() == ["007"]


def test_a_line_belongs_to_the_day_of_its_time_in_the_shops_zone(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(CSV)
    lines = source(tmp_path).read_lines(date(2024, 6, 1), date(2024, 6, 1))
    # 23:30 UTC is 01:30 of the next day in Berlin; the unreadable time goes to the newest day of the file.
    assert lines["customer_id"].to_list() == [3, 4]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pl.Series("ts", [datetime(2024, 5, 31, 12)]), datetime(2024, 5, 31, 10, tzinfo=UTC)),  # noqa: DTZ001
        (pl.Series("ts", [datetime(2024, 5, 31, 12, tzinfo=UTC)]), datetime(2024, 5, 31, 12, tzinfo=UTC)),
        (pl.Series("ts", [date(2024, 5, 31)]), datetime(2024, 5, 30, 22, tzinfo=UTC)),
        (pl.Series("ts", [1_717_149_600]), datetime(2024, 5, 31, 10, tzinfo=UTC)),
        (pl.Series("ts", [1_717_149_600_000]), datetime(2024, 5, 31, 10, tzinfo=UTC)),
        (pl.Series("ts", ["2024-05-31 12:00:00.25"]), datetime(2024, 5, 31, 10, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_times_come_in_many_types(tmp_path: Path, column: pl.Series, expected: datetime) -> None:
    frame(ts=[None]).with_columns(column).write_parquet(tmp_path / "events.parquet")
    lines = source(tmp_path, "events.parquet").read_lines(date(2024, 5, 31), date(2024, 5, 31))
    assert lines["occurred_at"].to_list() == [expected]


def test_the_hour_that_summer_time_skips_or_repeats_is_kept(tmp_path: Path) -> None:
    times = [datetime(2024, 3, 31, 2, 30), datetime(2024, 10, 27, 2, 30)]  # noqa: DTZ001
    frame(ts=times).write_parquet(tmp_path / "events.parquet")
    lines = source(tmp_path, "events.parquet").read_lines(date(2024, 3, 31), date(2024, 10, 27))
    expected = [datetime(2024, 3, 31, 1, 30, tzinfo=UTC), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)]
    assert lines["occurred_at"].to_list() == expected


@pytest.mark.parametrize("events", ["days", "days/*.parquet", "days/**/*.parquet"])
def test_a_folder_and_globs_are_read_alike(tmp_path: Path, events: str) -> None:
    (tmp_path / "days").mkdir()
    for day in (30, 31):
        frame(ts=[datetime(2024, 5, day, 12)]).write_parquet(tmp_path / f"days/2024-05-{day}.parquet")  # noqa: DTZ001
    found = source(tmp_path, events)
    assert (found.days().first, found.days().last) == (date(2024, 5, 30), date(2024, 5, 31))
    assert found.read_lines(date(2024, 5, 31), date(2024, 5, 31)).height == 1


def test_the_day_may_come_from_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "events" / "day=2024-05-31"
    folder.mkdir(parents=True)
    frame(ts=[datetime(2024, 5, 31, 12), datetime(2024, 6, 1, 12)]).write_parquet(folder / "a.parquet")  # noqa: DTZ001
    lines = source(tmp_path, "events", day_from="path").read_lines(date(2024, 5, 31), date(2024, 5, 31))
    assert lines.select("day", "source_day").rows() == [
        (date(2024, 5, 31), date(2024, 5, 31)),
        (date(2024, 6, 1), date(2024, 5, 31)),
    ]


def test_names_and_categories_come_from_events_or_from_a_catalogue(tmp_path: Path) -> None:
    names: dict[str, Any] = {"name": ["Milk", "Whole milk"], "cat": ["Dairy", None]}
    frame(ts=[date(2024, 5, 30), date(2024, 5, 31)], **names).write_parquet(tmp_path / "events.parquet")
    mapped = source(tmp_path, "events.parquet", columns={**COLUMNS, "item_name": "name", "item_category": "cat"})
    assert mapped.read_items().rows() == [(1, "Whole milk", "Dairy", None, None)]
    pl.DataFrame({"id": [1, 2], "title": ["Milk", "Bread"]}).write_csv(tmp_path / "items.csv")
    catalogue = source(
        tmp_path, "events.parquet", items=str(tmp_path / "items.csv"), item_columns={"item": "id", "name": "title"}
    )
    assert catalogue.read_items().rows() == [(1, "Milk", None, None, None), (2, "Bread", None, None, None)]


def test_a_word_on_one_line_renames_no_item_and_a_new_name_does(tmp_path: Path) -> None:
    said = ["Tea"] * 40 + ["damaged?"] + ["Green tea"] * 20 + ["?"]
    frame = pl.DataFrame({"who": [1] * 62, "what": [7] * 62, "when": ["2026-09-01"] * 62, "name": said})
    for number in range(2):
        frame[number * 31 : number * 31 + 31].write_csv(tmp_path / f"part-{number}.csv")
    columns = {"customer": "who", "item": "what", "time": "when", "item_name": "name"}
    chosen = FilesSource(kind="files", events=str(tmp_path / "part-*.csv"), columns=columns)
    files = Files(Settings(home=tmp_path / "home", source=chosen), chosen, today=date(2026, 12, 31))
    assert files.read_items()["item_name"].to_list() == ["Green tea"]


def test_brands_and_availability_come_from_the_catalogue(tmp_path: Path) -> None:
    frame(ts=[date(2024, 5, 30)]).write_parquet(tmp_path / "events.parquet")
    known = {"id": range(6), "maker": [*"abcde", None], "sold": ["yes", "NO", "1", "false", "", "perhaps"]}
    pl.DataFrame(known).write_csv(tmp_path / "items.csv")
    columns = {"item": "id", "brand": "maker", "available": "sold"}
    items = source(tmp_path, "events.parquet", items=str(tmp_path / "items.csv"), item_columns=columns).read_items()
    assert items["brand"].to_list() == [*"abcde", None]
    assert items["available"].to_list() == [True, False, True, False, None, None]


def test_id_types_are_remembered_so_that_a_later_file_cannot_change_them(tmp_path: Path) -> None:
    frame(ts=[date(2024, 5, 31)]).write_csv(tmp_path / "events.csv")
    assert source(tmp_path).id_types().customer == "bigint"
    frame(ts=[date(2024, 5, 31)], user=["anna"]).write_csv(tmp_path / "events.csv")
    lines = source(tmp_path).read_lines(date(2024, 5, 31), date(2024, 5, 31))
    assert lines.select("customer_id", "unreadable", "detail").rows() == [(None, "customer_id", "anna")]


def test_no_line_of_any_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    # Not one readable time: quarantined as a whole on the newest day, not passed over.
    (tmp_path / "b.csv").write_text("user,sku,ts,q,amt\n1,x,last Friday,1,1\n2,x,last Friday,1,1\n")
    found = source(tmp_path, "*.csv")
    days = found.days()
    lines = found.read_lines(days.first, days.last)
    assert lines.height == 6 + 2
    assert lines.filter(pl.col("source").str.ends_with("b.csv"))["source_day"].unique().to_list() == [days.last]


def test_a_line_of_the_future_waits_for_its_day(tmp_path: Path) -> None:
    frame(ts=[date(2024, 5, 30), date(2031, 1, 1)]).write_parquet(tmp_path / "events.parquet")
    assert source(tmp_path, "events.parquet").days().last == date(2024, 5, 30)


def test_one_line_of_long_ago_does_not_stretch_the_calendar(tmp_path: Path) -> None:
    frame(ts=[date(1970, 1, 1), date(2024, 5, 31)]).write_parquet(tmp_path / "events.parquet")
    assert source(tmp_path, "events.parquet").first_day() == date(2014, 5, 24)


def test_the_first_day_is_remembered_when_old_files_are_deleted(tmp_path: Path) -> None:
    frame(ts=[date(2024, 5, 1), date(2024, 5, 31)]).write_parquet(tmp_path / "events.parquet")
    assert source(tmp_path, "events.parquet").first_day() == date(2024, 5, 1)
    (tmp_path / "events.parquet").unlink()
    assert source(tmp_path, "events.parquet").first_day() == date(2024, 5, 1)


@pytest.mark.parametrize("text", ["2024-05-31T10:00Z", "2024-05-31T12:00+02:00", "2024-05-31 12:00", "2024-05-31T12"])
def test_iso_times_may_leave_out_seconds(tmp_path: Path, text: str) -> None:
    frame(ts=[text, "2024-05-31"]).write_csv(tmp_path / "events.csv")
    lines = source(tmp_path).read_lines(date(2024, 5, 31), date(2024, 5, 31)).filter(pl.col("line") == 1)
    expected = None if text.endswith("T12") else datetime(2024, 5, 31, 10, tzinfo=UTC)
    assert lines["occurred_at"].to_list() == [expected]


def test_nan_in_a_column_of_ids_is_a_missing_id(tmp_path: Path) -> None:
    frame(ts=[date(2024, 5, 31)] * 2, user=[1.0, float("nan")]).write_parquet(tmp_path / "events.parquet")
    lines = source(tmp_path, "events.parquet").read_lines(date(2024, 5, 31), date(2024, 5, 31))
    assert lines.select("customer_id", "unreadable").rows() == [(1, None), (None, None)]


def test_a_text_id_that_no_database_can_store_is_unreadable(tmp_path: Path) -> None:
    frame(ts=[date(2024, 5, 31)] * 2, sku=["a\x00b", "ab"]).write_parquet(tmp_path / "events.parquet")
    lines = source(tmp_path, "events.parquet").read_lines(date(2024, 5, 31), date(2024, 5, 31))
    assert lines.select("item_id", "unreadable").rows() == [(None, "item_id"), ("ab", None)]


def test_a_glob_in_an_object_store_takes_what_it_matches_only(tmp_path: Path) -> None:
    store = UPath("memory://shop-with-globs/events")
    for name in ("2024-05.csv", "2023-05.csv", "archive/2024-01.csv"):
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).write_text("user")
    settings = FilesSource(kind="files", events="memory://shop-with-globs/events/2024-*.csv", columns=COLUMNS)
    paths = Files(Settings(home=tmp_path), settings, today=TODAY).event_paths
    assert [UPath(path).name for path in paths] == ["2024-05.csv"]
