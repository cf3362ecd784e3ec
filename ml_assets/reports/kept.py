"""The weekly pages that are kept in the home of a shop. They show a few customers, so erasure looks through them."""

import re
from datetime import date
from html import escape
from pathlib import Path

from ml_assets.settings.shop import Settings


def reports_folder(settings: Settings) -> Path:
    """Where weekly pages are kept."""
    return settings.home / "reports"


def kept_pages(settings: Settings) -> list[Path]:
    """The pages of the shop that are kept, oldest first."""
    name = re.compile(rf"{re.escape(_start(settings))}\d{{4}}-\d{{2}}-\d{{2}}\.html")
    folder = reports_folder(settings)
    return sorted(path for path in folder.iterdir() if name.fullmatch(path.name)) if folder.is_dir() else []


def pages_that_show(settings: Settings, customer: int | str) -> list[Path]:
    """The kept pages with a customer's lists."""
    mark = f'data-customer="{escape(str(customer))}"'
    return [path for path in kept_pages(settings) if mark in path.read_text(encoding="utf-8")]


def name_of(settings: Settings, week: date) -> str:
    """The file of a week's page."""
    return f"{_start(settings)}{week}.html"


def _start(settings: Settings) -> str:
    return f"{settings.name or 'shop'}-"
