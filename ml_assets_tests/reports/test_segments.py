"""The page about segments: what it says, that it loads nothing, and that nothing in it can run."""

import re
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.lake import Lake
from ml_assets.reports.charts import bars, flows, lines
from ml_assets.reports.segments import segment_report
from ml_assets.reports.shop import shop_report
from ml_assets.settings.made import WITHOUT_AMOUNTS
from ml_assets.settings.shop import Settings
from ml_assets_tests.releases.frames import MONDAY, assignments, release, segments
from ml_assets_tests.reports.tags import Tags, require_accessible, require_harmless

MADE_ON = MONDAY + timedelta(days=60)


@pytest.fixture
def shop(connection: ServingConnection, tmp_path: Path) -> tuple[ServingConnection, Lake, Settings]:
    """Three customers over five weeks; the second one moved a week ago. Its features are in the lake."""
    settings = Settings(home=tmp_path / ".ml_assets", name="")
    lake = Lake.of(settings)
    for day in (0, 28, 35):
        keys = ("loyal", "dormant" if day < 35 else "loyal", "loyal")
        release(connection, assignments(keys), "segment_assignments", day=day, segments=segments())
    names = ("recency_days", "orders_90d", "spend_90d", "spend_365d", "tenure_days", "mean_order_value")
    features = pl.DataFrame({"customer_id": [1, 2, 3]} | {name: [1.0, 2.0, 3.0] for name in names})
    lake.write("customer_features", features, MONDAY + timedelta(days=35))
    return connection, lake, settings


def page_of(shop: tuple[ServingConnection, Lake, Settings]) -> str:
    return segment_report(*shop, made_on=MADE_ON)


def test_the_page_says_who_is_where_and_who_moved(shop: tuple[ServingConnection, Lake, Settings]) -> None:
    page = page_of(shop)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for words in ("Segments of the shop", "move on a usual day", "Loyal", "Dormant", "Customers most like its median"):
        assert words in text
    assert "Dormant → Loyal: 1" in text
    assert "Beside the median customer" in text


def test_a_segment_that_began_since_has_no_share_before_and_one_called_new_is_not_who_joined(
    connection: ServingConnection, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / ".ml_assets")
    release(connection, assignments(("new", "new", "vip")), "segment_assignments", segments=segments(("new", "vip")))
    frame = assignments(("new", "loyal", "loyal", "new")).with_columns(
        pl.lit(0.5).alias(name) for name in ("alive_probability", "expected_spend_90d")
    )
    means = {"mean_alive_probability": 0.75, "mean_expected_spend_90d": 400.0, "total_expected_spend_90d": 1234.0}
    now = segments(("new", "loyal")).with_columns(pl.lit(number).alias(name) for name, number in means.items())
    release(connection, frame, "segment_assignments", day=28, segments=now)
    page = segment_report(connection, Lake.of(settings), settings, made_on=MADE_ON)
    assert "(joined) → New: 1" in page
    row = re.search(r"<tr><th[^>]*><span[^>]*></span>Loyal</th>(.*?)</tr>", page, re.DOTALL)
    assert row is not None
    cells = re.findall(r"<td>(.*?)</td>", row[1])
    assert cells[2] == "\N{EN DASH}"
    assert cells[-2:] == ["75\N{NO-BREAK SPACE}%", "1,234"]


def test_of_a_shop_without_amounts_the_page_has_no_spend(shop: tuple[ServingConnection, Lake, Settings]) -> None:
    connection, lake, settings = shop
    assert "Spend in a year" in page_of(shop)
    connection.execute(
        "UPDATE ml_store.segments SET median_orders_90d = 3, median_spend_90d = NULL, median_spend_365d = NULL"
    )
    day = MONDAY + timedelta(days=35)
    lake.write("customer_features", lake.read("customer_features", day).with_columns(spend_in_pieces=True), day)
    page = page_of(shop)
    assert WITHOUT_AMOUNTS in page
    assert "pieces in 90 days" in page
    said = page.replace(WITHOUT_AMOUNTS, "").lower()
    assert "spend" not in said[said.index("<h1") :]
    assert WITHOUT_AMOUNTS in shop_report(connection, lake, settings).summary
    shown = shop_report(connection, lake, settings).page
    assert "Spend in" not in shown


def test_segments_that_were_imported_lack_medians_of_all_kinds_and_that_says_nothing_about_amounts(
    shop: tuple[ServingConnection, Lake, Settings],
) -> None:
    shop[0].execute(
        "UPDATE ml_store.segments SET median_orders_90d = NULL, median_spend_90d = NULL, median_spend_365d = NULL"
    )
    assert WITHOUT_AMOUNTS not in page_of(shop)


def test_the_page_loads_nothing_and_can_run_nothing(shop: tuple[ServingConnection, Lake, Settings]) -> None:
    shop[0].execute(
        "UPDATE ml_store.segments SET segment_name = '<script>alert(1)</script>', description = '\"><img src=x>'"
    )
    page = page_of(shop)
    require_harmless(page)
    assert "&lt;script&gt;" in page


def test_the_page_can_be_read_by_everybody(shop: tuple[ServingConnection, Lake, Settings]) -> None:
    require_accessible(page_of(shop))


def test_without_the_days_features_the_page_has_the_rest(shop: tuple[ServingConnection, Lake, Settings]) -> None:
    connection, lake, settings = shop
    lake.path("customer_features", MONDAY + timedelta(days=35)).unlink()
    page = segment_report(connection, lake, settings, made_on=MADE_ON)
    assert "Loyal" in page
    assert "Beside the median customer" not in page


def test_before_the_first_run_it_is_said_what_to_do(connection: ServingConnection, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / ".ml_assets")
    with pytest.raises(Exception, match="There are no segments yet"):
        segment_report(connection, Lake.of(settings), settings, made_on=MADE_ON)


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [(185, ["0", "50", "100", "150", "200"]), (2.25, ["0", "0.5", "1", "1.5", "2", "2.5"]), (0, ["0", "0.5", "1"])],
)
def test_axes_have_round_numbers(highest: float, ticks: list[str]) -> None:
    day = date(2026, 1, 5)
    drawing = lines([day, day + timedelta(days=1)], {"a": [highest, 0.0]}, title="x", unit="")
    assert re.findall(r'class="axis" text-anchor="end">([\d.]+)<', drawing) == ticks


def test_a_line_that_ended_is_marked_and_no_number_of_a_bar_lies_on_a_name() -> None:
    days = [date(2026, 1, 5) + timedelta(days=number) for number in range(3)]
    assert ">gone to 06 Jan<" in lines(days, {"gone": [1.0, 2.0, None]}, title="x", unit="")
    drawing = bars({"days since the last order": 0.01}, title="x")
    places = [float(x) for x in re.findall(r'<text x="([\d.]+)"', drawing)]
    assert places[1] - 45 > places[0]


def test_drawings_take_odd_numbers() -> None:
    day = date(2026, 1, 5)
    for drawing in (
        lines([], {}, title="nothing", unit=""),
        lines([day], {"one": [None]}, title="one day", unit=""),
        lines([day, day + timedelta(days=1)], {"a": [0.0, 0.0], "<b>": [None, 1e12]}, title="odd", unit=" %"),
        bars({"none": None, "zero": 0.0, "minus": -3.0, "much": 1e9, "usual": 1.0}, title="odd"),
        flows({"a": 0, "b": 5}, {"b": 5}, {("b", "b"): 5}, {}, "odd"),
        flows({"a": 1}, {"<c>": 1}, {("a", "<c>"): 1}, {}, "odd"),
    ):
        Tags(str(drawing))
        assert "nan" not in drawing
        assert "<b>" not in drawing
        assert "<c>" not in drawing
