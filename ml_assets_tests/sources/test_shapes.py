"""Exports as spreadsheets, shop systems and tills write them: read right, or refused before anything is loaded."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ml_assets.errors import UserError
from ml_assets.events.contract import CheckedLines
from ml_assets.events.load import load_days
from ml_assets.settings.events import EventSettings
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import FilesSource
from ml_assets.sources.columns import Reading
from ml_assets.sources.files import Files
from ml_assets.sources.values import NumberStyle

FIRST, DAYS = date(2026, 9, 1), 10
COLUMNS = {"customer": "who", "item": "what", "time": "when", "quantity": "q", "amount": "paid", "order": "order"}


def export(**change: list[Any]) -> pl.DataFrame:
    """Orders of three lines each, ten a day, as text."""
    rows = [
        {
            "order": f"{day}-{order}",
            "who": str(100 + order),
            "what": str(order % 7 * 10 + line),
            "when": f"{FIRST + timedelta(days=day)} 10:{order:02}:00",
            "q": "1",
            "paid": f"{order + line}.5",
        }
        for day in range(DAYS)
        for order in range(10)
        for line in range(3)
    ]
    return pl.DataFrame(rows).with_columns(pl.Series(name, values) for name, values in change.items())


def shop(folder: Path, frame: pl.DataFrame, **more: Any) -> Files:
    frame.write_csv(folder / "orders.csv")
    chosen = FilesSource(kind="files", events=str(folder / "orders.csv"), columns=COLUMNS, **more)
    return Files(Settings(home=folder / "home", source=chosen), chosen, today=date(2026, 12, 31))


def load(source: Files, **rules: Any) -> CheckedLines:
    """All days as one."""
    covered = source.days()
    days = [covered.first + timedelta(days=n) for n in range((covered.last - covered.first).days + 1)]
    loaded = load_days(source, days, EventSettings(**rules)).values()
    valid = pl.concat(day.valid for day in loaded)
    return CheckedLines(valid, pl.concat(day.quarantined for day in loaded), sum(day.read for day in loaded))


@pytest.mark.parametrize("word", ["NULL", "null", "NaN", "None", "(null)", "N/A", "\\N", "-", " null "])
def test_words_for_nothing_are_no_customer_and_leave_ids_integers(tmp_path: Path, word: str) -> None:
    who = [value if n % 3 else word for n, value in enumerate(export()["who"])]
    source = shop(tmp_path, export(who=who))
    assert source.id_types().customer == "bigint"
    loaded = load(source)
    assert loaded.quarantined["reason"].value_counts().rows() == [("missing_customer_id", 100)]
    assert loaded.valid["customer_id"].n_unique() == 10


def test_somebody_who_is_called_like_nothing_is_kept_by_the_setting(tmp_path: Path) -> None:
    who = [value if n % 3 else "None" for n, value in enumerate(export()["who"])]
    source = shop(tmp_path, export(who=who), null_words=["null"])
    assert "None" in load(source).valid["customer_id"].to_list()


@pytest.mark.parametrize(
    "ids",
    [
        [f"{1234567890123456000 + n:.14E}" for n in range(300)],
        ["1.23457E+18"] * 300,
        ["1234567890123456789.0"] * 300,
        ["17", "18", "2e+19"] * 100,
    ],
)
def test_ids_that_lost_digits_are_refused_with_column_value_and_remedy(tmp_path: Path, ids: list[str]) -> None:
    with pytest.raises(UserError, match=r"orders\.csv: the id .* in the column who has lost digits") as error:
        shop(tmp_path, export(who=ids)).id_types()
    assert "as text" in error.value.next_step


def test_float_ids_beyond_what_floats_hold_are_refused(tmp_path: Path) -> None:
    frame = export().with_columns(who=pl.col("who").cast(pl.Float64) + 2.0**60)
    frame.write_parquet(tmp_path / "orders.parquet")
    chosen = FilesSource(kind="files", events=str(tmp_path), columns=COLUMNS)
    source = Files(Settings(home=tmp_path / "home", source=chosen), chosen, today=date(2026, 12, 31))
    with pytest.raises(UserError, match="lost digits"):
        source.id_types()


@pytest.mark.parametrize("ids", [["007", "1E5", "a"] * 100, ["2E3-x", "b", "c"] * 100])
def test_codes_that_only_look_scientific_are_ids(tmp_path: Path, ids: list[str]) -> None:
    assert load(shop(tmp_path, export(what=ids))).valid["item_id"].n_unique() == 3


def test_integers_that_a_tool_wrote_as_floats_are_integers(tmp_path: Path) -> None:
    source = shop(tmp_path, export(who=[f"{value}.0" for value in export()["who"]]))
    assert source.id_types().customer == "bigint"
    assert load(source).valid["customer_id"].unique().sort().to_list() == list(range(100, 110))


def on_first_lines(frame: pl.DataFrame, *fields: str) -> pl.DataFrame:
    first = pl.col("order").is_first_distinct()
    return frame.with_columns(pl.when(first).then(pl.col(field)) for field in fields)


def test_order_fields_on_the_first_line_only_are_recognised_and_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"200 of 300 lines have neither who nor when.* as in order 0-0") as error:
        load(shop(tmp_path, on_first_lines(export(), "who", "when")))
    assert "source.order_fields: first_line" in error.value.next_step


def test_order_fields_are_carried_down_within_their_order_only(tmp_path: Path) -> None:
    guests = export().with_columns(who=pl.when(pl.col("order").str.ends_with("-3")).then(None).otherwise("who"))
    loaded = load(shop(tmp_path, on_first_lines(guests, "who", "when"), order_fields="first_line"))
    assert loaded.quarantined["reason"].value_counts().rows() == [("missing_customer_id", 30)]
    whole = load(shop(tmp_path, guests, order_fields="every_line"))
    assert loaded.valid.equals(whole.valid)


def test_amounts_with_signs_between_thousands_are_read(tmp_path: Path) -> None:
    loaded = load(shop(tmp_path, export(paid=[f"1,{n:06.2f}" for n in range(300)])))
    assert loaded.quarantined.is_empty()
    assert sorted(loaded.valid["amount"]) == [1000.0 + n for n in range(300)]


def test_decimal_commas_are_found_out_and_remembered(tmp_path: Path) -> None:
    source = shop(tmp_path, export(paid=[f"{n},25" for n in range(300)]))
    assert sorted(load(source).valid["amount"]) == [n + 0.25 for n in range(300)]
    later = shop(tmp_path, export(paid=["1,250"] * 300))
    assert set(load(later).valid["amount"]) == {1.25}


def test_a_comma_that_can_mean_two_things_is_asked_about(tmp_path: Path) -> None:
    frame = export(paid=["1,250"] * 300)
    with pytest.raises(UserError, match=r"1,250 in the column paid can be 1250 or 1\.250") as error:
        shop(tmp_path, frame).days()
    assert "source.numbers" in error.value.next_step
    assert set(load(shop(tmp_path, frame, numbers="1,234.56")).valid["amount"]) == {1250.0}


@pytest.mark.parametrize(
    ("written", "style", "value"),
    [
        ("$1,015.20", "1,234.56", 1015.2),
        ("1.015,20 €", "1.234,56", 1015.2),
        ("EUR 3,50", "1.234,56", 3.5),
        ("1 234.5", "1,234.56", 1234.5),
        ("1'234.50", "1,234.56", 1234.5),
        ("(3.50)", "1,234.56", -3.5),
        ("3.50-", "1,234.56", -3.5),
        ("12,5", "1,234.56", None),
        ("1,23,456", "1,234.56", None),
        ("12.5", "1.234,56", None),
        ("1.5e3", "1,234.56", 1500.0),
        ("abc", "1,234.56", None),
    ],
)
def test_a_number_is_read_as_it_is_written_or_not_at_all(written: str, style: NumberStyle, value: float | None) -> None:
    frame = pl.LazyFrame({"n": [written]})
    number = Reading("UTC", numbers=style).number("n", frame.collect_schema())
    assert frame.select(number).collect().item() == value


@examples(max_examples=200)
@given(st.integers(-(10**12), 10**12).map(lambda cents: cents / 100))
def test_every_number_survives_both_styles(value: float) -> None:
    for style, written in (
        ("1,234.56", f"{value:,.2f}"),
        ("1.234,56", f"{value:_.2f}".replace(".", ",").replace("_", ".")),
    ):
        frame = pl.LazyFrame({"n": [written]})
        read = Reading("UTC", numbers=style).number("n", frame.collect_schema())  # type: ignore[arg-type]
        assert frame.select(read).collect().item() == value


def test_a_second_scan_of_an_item_is_kept_and_a_second_delivery_is_not(tmp_path: Path) -> None:
    twice = pl.concat([export(), export().filter(pl.col("what") == "10")])
    scans = load(shop(tmp_path, twice))
    assert (scans.valid.height, scans.quarantined.height) == (twice.height, 0)
    folder = tmp_path / "deliveries"
    folder.mkdir()
    for number in range(2):
        twice.write_csv(folder / f"{number}.csv")
    chosen = FilesSource(kind="files", events=str(folder), columns=COLUMNS)
    source = Files(Settings(home=tmp_path / "other", source=chosen), chosen, today=date(2026, 12, 31))
    both = load(source)
    assert both.valid.equals(scans.valid)
    assert both.quarantined["reason"].to_list() == ["duplicate"] * twice.height
    assert load(source, duplicates="everywhere").valid.height == export().height


def test_a_delivery_of_garbage_stops_with_count_reason_examples_and_setting(tmp_path: Path) -> None:
    source = shop(tmp_path, export(paid=["a lot"] * 300))
    with pytest.raises(UserError) as error:
        load(source)
    assert "300 of 300 lines cannot be used: 300 unreadable_amount." in error.value.problem
    assert error.value.problem.count("a lot") == 3
    assert "orders.csv line 1: a lot" in error.value.problem
    assert "source.numbers" in error.value.next_step
    assert load(source, max_quarantined=1.0).valid.is_empty()


def test_one_day_of_garbage_is_named(tmp_path: Path) -> None:
    paid = ["x" if n // 30 == 4 else "1.5" for n in range(300)]
    with pytest.raises(UserError, match="30 of 30 lines of 2026-09-05 cannot be used"):
        load(shop(tmp_path, export(paid=paid)))


def test_guests_returns_and_a_few_broken_lines_stop_nothing(tmp_path: Path) -> None:
    frame = export(q=["x" if n % 20 == 0 else "-1" if n % 2 else "1" for n in range(300)])
    frame = frame.with_columns(who=pl.when(pl.int_range(pl.len()) % 5 < 3).then(None).otherwise("who"))
    loaded = load(shop(tmp_path, frame))
    assert set(loaded.quarantined["reason"]) == {"missing_customer_id", "return", "unreadable_quantity"}


def test_a_moment_without_a_zone_is_in_the_shops(tmp_path: Path) -> None:
    first = load(shop(tmp_path, export())).valid["occurred_at"].min()
    assert first == datetime(2026, 9, 1, 10, tzinfo=UTC)


def test_a_delivery_half_of_whose_times_are_garbage_is_refused_before_any_day_is_loaded(tmp_path: Path) -> None:
    when = [value if n % 2 else f"soon {n}" for n, value in enumerate(export()["when"])]
    words = r"150 of 300 values in the column when are no time .*orders\.csv line 1: soon 0"
    with pytest.raises(UserError, match=words):
        shop(tmp_path, export(when=when)).id_types()
    few = [value if n % 20 else "soon" for n, value in enumerate(export()["when"])]
    assert load(shop(tmp_path, export(when=few)), max_quarantined=1.0).quarantined.height == 15
