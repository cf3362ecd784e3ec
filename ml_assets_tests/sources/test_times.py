"""Times in every way that exports write them, and which order of day and month a shop has."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.settings.shop import Settings
from ml_assets.settings.source import FilesSource
from ml_assets.sources.files import Files
from ml_assets.sources.times import DateStyle, numbers_as_times, read_times
from ml_assets_tests.refused import refused

NEW_YORK = "America/New_York"
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2068, 12, 31)).map(lambda one: one.replace(microsecond=0))  # noqa: DTZ001


def read(value: str, style: DateStyle = "2026-12-31", zone: str = NEW_YORK) -> datetime | None:
    found = read_times(pl.Series([value]), style, zone)[0]
    return found.replace(tzinfo=UTC) if found else None


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-11-05 14:30:00", 19),
        ("2026-11-05T14:30", 19),
        ("2026/11/05 14:30:00", 19),
        ("2026-11-05T14:30:00Z", 14),
        ("2026-11-05T14:30:00.000+02:00", 12),
        ("2026-11-05 14:30:00 -0400", 18),
        ("2026-11-05 14:30:00 UTC", 14),
        ("2026-11-05 14:30:00 PST", 22),
        ("2026-11-05 14:30:00 Europe/Berlin", 13),
        ("5 Nov 2026 14:30", 19),
        ("05-Nov-26 14:30", 19),
        ("Nov 5, 2026 2:30 PM", 19),
        ("Thu, 05 Nov 2026 14:30:00 +0000", 14),
        ("1793889000", 14),
        ("1793889000000", 14),
        ("1793889000000000", 14),
        ("46331.604166666664", 19),
    ],
)
def test_a_time_is_read_in_any_usual_way_and_in_the_shops_zone_where_it_has_none(text: str, hour: int) -> None:
    assert read(text) == datetime(2026, 11, 5, hour, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["9/13/2026 8:26", "9/13/26 08:26:00", "9-13-2026, 8:26 AM", "09132026 08:26"])
def test_the_month_comes_first_where_the_shop_writes_so(text: str) -> None:
    assert read(text, "12/31/2026") == datetime(2026, 9, 13, 12, 26, tzinfo=UTC)
    assert read(text, "31.12.2026") is None


@pytest.mark.parametrize("text", ["13.9.2026 20:26", "13/09/26 8:26 pm", "13-9-2026 20:26", "13092026 20:26"])
def test_the_day_comes_first_where_the_shop_writes_so(text: str) -> None:
    assert read(text, "31.12.2026") == datetime(2026, 9, 14, 0, 26, tzinfo=UTC)
    assert read(text, "12/31/2026") is None


@pytest.mark.parametrize(
    "text", ["2026-02-30", "31/2/2026", "13:30", "2026-11-05 25:00", "2026-11-05 10:00 Mars/Base", "tomorrow", "12345"]
)
@pytest.mark.parametrize("style", ["2026-12-31", "31.12.2026", "12/31/2026"])
def test_what_is_no_time_is_nothing(text: str, style: DateStyle) -> None:
    assert read(text, style) is None


@given(MOMENTS)
def test_every_way_to_write_a_moment_gives_the_same_moment(moment: datetime) -> None:
    serial = (moment - datetime(1899, 12, 30)) / timedelta(days=1)  # noqa: DTZ001
    forms = {
        f"{moment:%Y-%m-%dT%H:%M:%S}": "2026-12-31",
        f"{moment:%d.%m.%Y %H:%M:%S}": "31.12.2026",
        f"{moment:%m/%d/%y %I:%M:%S %p}": "12/31/2026",
        f"{moment:%d %b %Y %H:%M:%S}": "2026-12-31",
        f"{serial:.9f}": "2026-12-31",
    }
    expected = moment.replace(tzinfo=UTC)
    assert {text: read(text, style, "UTC") for text, style in forms.items()} == dict.fromkeys(forms, expected)  # type: ignore[arg-type]


def test_numbers_are_epochs_or_days_by_their_size() -> None:
    numbers = pl.DataFrame({"n": [1793889000.0, 1793889000000.0, 46331.5, 7.0, None]})
    found = numbers.select(time=numbers_as_times(pl.col("n"), "UTC"))["time"].to_list()
    half_past_two = datetime(2026, 11, 5, 14, 30, tzinfo=UTC)
    assert found == [half_past_two, half_past_two, datetime(2026, 11, 5, 12, tzinfo=UTC), None, None]


def shop(folder: Path, days: list[str], **more: str) -> Files:
    lines = "".join(f"{number},{number % 3},{day} 10:00\n" for number, day in enumerate(days))
    (folder / "orders.csv").write_text(f"customer_id,item_id,occurred_at\n{lines}")
    chosen = FilesSource(kind="files", events=str(folder / "orders.csv"), **more)
    return Files(Settings(home=folder / "home", source=chosen), chosen, today=datetime(2026, 12, 31, tzinfo=UTC).date())


@pytest.mark.parametrize(
    ("days", "first", "last"),
    [
        (["9/1/2026", "9/2/2026", "9/13/2026"], "2026-09-01", "2026-09-13"),
        (["1.9.2026", "2.9.2026", "13.9.2026"], "2026-09-01", "2026-09-13"),
        (["01092026", "13092026"], "2026-09-01", "2026-09-13"),
        (["20260901", "20260913"], "2026-09-01", "2026-09-13"),
    ],
)
def test_one_date_that_fits_one_order_only_tells_it_for_all(
    tmp_path: Path, days: list[str], first: str, last: str
) -> None:
    covered = shop(tmp_path, days).days()
    assert (covered.first.isoformat(), covered.last.isoformat()) == (first, last)


def test_dates_that_fit_both_orders_are_refused_with_both_readings(tmp_path: Path) -> None:
    words = "9/1/2026 in the column occurred_at can be 2026-01-09 or 2026-09-01"
    with refused("source.unreadable", words):
        shop(tmp_path, ["9/1/2026", "9/12/2026"]).days()
    assert shop(tmp_path, ["9/1/2026"], dates="12/31/2026").days().first.isoformat() == "2026-09-01"


def test_dates_in_two_orders_are_refused_with_a_line_of_each(tmp_path: Path) -> None:
    with refused("source.unreadable", r"line 2: 13/9/2026; .*line 3: 9/13/2026"):
        shop(tmp_path, ["9/1/2026", "13/9/2026", "9/13/2026"]).days()
