"""The weekly page: kept in the home of the shop, and told to the channels that want it, with its summary.

Where pages are kept is in `kept.py`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from ml_assets.alerts.message import Message
from ml_assets.alerts.store.outbox import enqueue
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.reports.kept import kept_pages, name_of, reports_folder
from ml_assets.reports.shop import ShopReport
from ml_assets.settings.shop import Settings
from ml_assets.whole_files import replacing

FULL = "Free some space, or make the home folder writable."


def keep_page(settings: Settings, made: ShopReport, week: date) -> Path:
    """Write the page of a week, whole or not at all, and remove those beyond `report.keep`."""
    folder = reports_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name_of(settings, week)
    with replacing(path, FULL) as file:
        file.write(made.page.encode())
    for old in kept_pages(settings)[: -settings.report.keep]:
        old.unlink(missing_ok=True)
    return path


def tell_channels(
    connection: ServingConnection, settings: Settings, made: ShopReport, path: Path, *, week: date, now: datetime
) -> Sequence[str]:
    """Put the summary into the outbox for `report.channels`, once for each week; who is told."""
    shop = f" (shop {settings.name})" if settings.name else ""
    body = "\n".join([*made.summary, f"The page: {path.absolute()}", "Another one at any time: `ml-assets report`"])
    message = Message(f"The week until {week - timedelta(days=1)}{shop}", body, "report", "info")
    number = int(week.strftime("%Y%m%d"))
    with writing(connection):
        for channel in settings.report.channels:
            enqueue(connection, message, number=number, channel=channel, now=now, not_before=now)
    return settings.report.channels
