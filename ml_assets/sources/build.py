"""From settings to a source."""

from datetime import date, datetime

from ml_assets.settings import Settings
from ml_assets.sources.base import EventSource
from ml_assets.sources.complete_journey import CompleteJourney
from ml_assets.sources.files import Files


def build_source(settings: Settings, *, today: date | None = None) -> EventSource:
    """The source that the settings name; `today` is the shop's local date unless given."""
    today = today or datetime.now(settings.tz).date()
    if settings.source.kind == "files":
        return Files(settings, settings.source, today=today)
    return CompleteJourney(settings, settings.source, today=today)
