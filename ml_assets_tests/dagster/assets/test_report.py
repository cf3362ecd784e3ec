"""The weekly page is written into the home of the shop, and says where it lies."""

from datetime import date
from pathlib import Path

from ml_assets.dagster.assets.report import build_report
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.lake import Lake
from ml_assets_tests.dagster.assets.steps import OpenDatabase, named, on
from ml_assets_tests.reports.tags import require_accessible, require_harmless


def test_the_page_of_a_week_lies_in_the_home_of_the_shop(shop: Shop, text_connection: ServingConnection) -> None:
    asset = named(build_report(shop), "shop_report")
    result = asset(on(date(2024, 5, 6)), lake=Lake.of(shop.settings), serving=OpenDatabase(text_connection))
    page = Path(str(result.metadata["page"].value))
    assert page == (shop.settings.home / "reports" / "x-2024-05-06.html").absolute()
    text = page.read_text(encoding="utf-8")
    require_harmless(text)
    require_accessible(text)
    assert "How x is doing" in text
    off = shop.settings.model_copy(update={"report": shop.settings.report.model_copy(update={"weekly": False})})
    assert build_report(Shop(off, shop.calendar)) == []
