"""A shop of the alert tests: a database, settings with two channels, and a feed that can be moved day by day."""

from datetime import date, datetime
from typing import Any

from ml_assets.alerts.finding import Collected, Finding
from ml_assets.alerts.judge.evaluate import Evaluation, evaluate
from ml_assets.alerts.send.deliver import deliver
from ml_assets.books.freshness import observe, sync_policies
from ml_assets.database.connection import ServingConnection
from ml_assets.releases.publish import Publication, publish
from ml_assets.settings.shop import Settings
from ml_assets.subjects import MODEL_KINDS, PUBLISHED, SUBJECTS
from ml_assets_tests.books.models import add_model
from ml_assets_tests.releases import frames


def settings_of(alerts: dict[str, Any], **more: Any) -> Settings:
    """Settings in Berlin with these alerts."""
    return Settings.model_validate({"timezone": "Europe/Berlin", "alerts": alerts, **more})


def set_up(connection: ServingConnection, settings: Settings, *, day: date, created: datetime) -> None:
    """A shop that is a while old, fresh as of `day`."""
    connection.execute("UPDATE ml_meta.shop SET created_at = %s", [created])
    sync_policies(connection, settings)
    for kind in MODEL_KINDS:
        add_model(connection, kind, day, version=f"{kind}-1")
    arrive(connection, day)


def arrive(connection: ServingConnection, day: date, *, subjects: frozenset[str] = frozenset()) -> None:
    """A whole day has arrived and was published; or only some of it."""
    for name, subject in SUBJECTS.items():
        if subject.kind in ("data", "features") and (not subjects or name in subjects):
            observe(connection, name, subject.kind, day)
    for name, table in PUBLISHED.items():
        if name in SUBJECTS and (not subjects or name in subjects):
            segments = frames.segments() if table.has_segments else None
            facts: dict[str, Any] = {"model_version": "m-1", "run_id": "run-12345", "k": 2, "segments": segments}
            publish(connection, Publication(name, frames.SAMPLES[name](), day, **facts))


def failing(subject: str, cause: str, kind: str = "run", severity: str = "error") -> Finding:
    """Something that only Dagster sees."""
    words = f"{subject} failed."
    return Finding(subject, cause, kind, severity, "dagster", words, "`ml-assets ui`")  # type: ignore[arg-type]


def tell(
    connection: ServingConnection,
    settings: Settings,
    now: datetime,
    *found: Finding,
    seconds: float = 5.0,
    **more: Any,
) -> Evaluation:
    """One evaluation by the sensor, and its messages."""
    extra = Collected.of(found, "dagster")
    result = evaluate(connection, settings, now=now, evaluator="sensor", extra=extra, **more)
    deliver(connection, settings, now=now, seconds=seconds)
    return result
