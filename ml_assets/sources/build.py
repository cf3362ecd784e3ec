"""From settings to a source."""

from collections.abc import Callable
from datetime import date, datetime

from ml_assets.settings.shop import Settings
from ml_assets.sources.base import EventSource
from ml_assets.sources.complete_journey import CompleteJourney
from ml_assets.sources.database_file import DatabaseFile
from ml_assets.sources.files import Files
from ml_assets.sources.memory import SourceMemory
from ml_assets.sources.postgres.source import Postgres

BY_KIND: dict[str, Callable[..., EventSource]] = {source.kind: source for source in (CompleteJourney, Files, Postgres)}
BY_KIND |= dict.fromkeys(("sqlite", "duckdb"), DatabaseFile)
"""What reads each kind of section in `settings/source.py`."""


def build_source(settings: Settings, *, today: date | None = None) -> EventSource:
    """The source that the settings name; `today` is the shop's local date unless given.

    Raises `UserError` where the home folder holds the data of another source.
    """
    today = today or datetime.now(settings.tz).date()
    source = BY_KIND[settings.source.kind](settings, settings.source, today=today)
    SourceMemory(settings).refuse_other(source.identity)
    return source
