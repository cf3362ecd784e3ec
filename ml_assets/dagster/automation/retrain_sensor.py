"""The sensor that trains once more when the week's models are missing: after a failed Monday, or when drift is seen.

A model of a week only sees events before its Monday, so a week whose models exist has nothing more to train, and one
whose days are still being loaded is trained when they are there.
"""

from datetime import date, datetime, time, timedelta

import dagster as dg

from ml_assets.books.drift import drifting
from ml_assets.books.freshness import read_freshness
from ml_assets.books.models import list_models
from ml_assets.dagster.automation.jobs import Jobs
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.partitions import week_of
from ml_assets.dagster.runs import UNFINISHED, days_of
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.features.load import days_left_out
from ml_assets.lake import Lake
from ml_assets.sources.base import EventSource
from ml_assets.sources.build import build_source
from ml_assets.subjects import kinds_of_models

AFTER_THE_SCHEDULE = timedelta(hours=1)


def build_retrain_sensor(shop: Shop, jobs: Jobs) -> dg.SensorDefinition:
    """The sensor `retraining` of a shop."""
    settings = shop.settings
    status = dg.DefaultSensorStatus.RUNNING if settings.schedules.enabled else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name=shop.prefixed("retraining"),
        job=jobs.weekly_training,
        minimum_interval_seconds=900,
        default_status=status,
        description="Trains the week's models once more when they are missing and a model is old or drift is seen.",
    )
    def retraining(
        context: dg.SensorEvaluationContext,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> dg.RunRequest | dg.SkipReason:
        # Built at every tick: a source remembers the date on which it was built.
        source, now = build_source(settings), datetime.now(settings.tz)
        with serving.connect() as connection:
            return decide_retraining(shop, context.instance, lake, connection, source, now)

    return retraining


def decide_retraining(  # noqa: PLR0911, PLR0917 many reasons to skip; what a tick needs, and its time
    shop: Shop,
    instance: dg.DagsterInstance,
    lake: Lake,
    connection: ServingConnection,
    source: EventSource,
    now: datetime,
) -> dg.RunRequest | dg.SkipReason:
    """One run for the present week, at most once, or why not."""
    settings = shop.settings
    week = week_of(now.date())
    scheduled = datetime.combine(week, time.fromisoformat(settings.schedules.weekly_at), tzinfo=settings.tz)
    if shop.calendar.end is not None and now.date() >= shop.calendar.end:
        return dg.SkipReason("The data has ended.")
    if week < shop.calendar.first_week or now < scheduled + AFTER_THE_SCHEDULE:
        return dg.SkipReason("The schedule trains first.")
    sunday = week - timedelta(days=1)
    models = {kind: list_models(connection, kind) for kind in kinds_of_models(settings.subjects)}
    if not any(models.values()):
        return dg.SkipReason("Nothing was ever trained; the first training is a person's decision (`ml-assets run`).")
    trained = all(any(model.trained_through == sunday for model in found) for found in models.values())
    if trained:
        return dg.SkipReason(f"The models of the week {week} are trained.")
    stale = [row.subject for row in read_freshness(connection, now) if row.kind == "model" and row.status != "fresh"]
    drift = drifting(connection) if settings.drift.retrain else []
    if not stale and not drift:
        return dg.SkipReason("No model is old, and nothing drifts.")
    if waits := _why_wait(shop, instance, lake, source, now):
        return dg.SkipReason(waits)
    return dg.RunRequest(
        run_key=f"retrain-{week}",
        partition_key=week.isoformat(),
        tags={"ml_assets/because": ",".join([*stale, *(f"drift:{subject}" for subject in drift)])[:250]},
    )


def _why_wait(shop: Shop, instance: dg.DagsterInstance, lake: Lake, source: EventSource, now: datetime) -> str | None:
    """Why the week cannot be trained yet: days before it are being loaded, or are still to be asked for."""
    week = week_of(now.date())
    if not lake.partitions("transactions"):
        return "The lake holds no day; the first load is a person's decision (`ml-assets run`)."
    if loading := _loading(shop, instance, week):
        return f"Training waits for days before {week} that are being loaded: {', '.join(loading)}."
    if left_out := days_left_out(lake, source, shop.settings, week=week, today=now.date()):
        days = ", ".join(map(str, left_out))
        return f"Training waits for days that the source has and the lake has not: {days}."
    return None


def _loading(shop: Shop, instance: dg.DagsterInstance, week: date) -> list[str]:
    """The days before a week whose loading is queued or running, as ranges."""
    runs = instance.get_runs(dg.RunsFilter(job_name=shop.prefixed("load_days"), statuses=UNFINISHED))
    found = set()
    for run in runs:
        first, last = days_of(run) or ("", "")
        if first < week.isoformat():
            found.add(first if first == last else f"{first} to {last}")
    return sorted(found)
