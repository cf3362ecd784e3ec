"""The sensor that trains once more when the week's models are missing: after a failed Monday, or when drift is seen.

A model of a week only sees events before its Monday, so a week whose models exist has nothing more to train.
"""

from datetime import datetime, time, timedelta

import dagster as dg

from ml_assets.assets.shop import Shop
from ml_assets.automation.jobs import Jobs, job_name
from ml_assets.automation.partitions import week_of
from ml_assets.resources.serving import ServingDatabase
from ml_assets.serving.connection import ServingConnection
from ml_assets.serving.drift_log import drifting
from ml_assets.serving.freshness import read_freshness
from ml_assets.serving.registry import list_models

KINDS = ("recommender", "segmentation")
AFTER_THE_SCHEDULE = timedelta(hours=1)


def build_retrain_sensor(shop: Shop, jobs: Jobs) -> dg.SensorDefinition:
    """The sensor `retraining` of a shop."""
    settings = shop.settings
    status = dg.DefaultSensorStatus.RUNNING if settings.schedules.enabled else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name=job_name(shop, "retraining"),
        job=jobs.weekly_training,
        minimum_interval_seconds=900,
        default_status=status,
        description="Trains the week's models once more when they are missing and a model is old or drift is seen.",
    )
    def retraining(
        context: dg.SensorEvaluationContext, serving: dg.ResourceParam[ServingDatabase]
    ) -> dg.RunRequest | dg.SkipReason:
        del context
        with serving.connect() as connection:
            return decide(shop, connection, datetime.now(settings.tz))

    return retraining


def decide(shop: Shop, connection: ServingConnection, now: datetime) -> dg.RunRequest | dg.SkipReason:
    """One run for the present week, at most once, or why not."""
    settings = shop.settings
    week = week_of(now.date())
    scheduled = datetime.combine(week, time.fromisoformat(settings.schedules.weekly_at), tzinfo=settings.tz)
    if shop.calendar.end is not None and now.date() >= shop.calendar.end:
        return dg.SkipReason("The data has ended.")
    if week < shop.calendar.first_week or now < scheduled + AFTER_THE_SCHEDULE:
        return dg.SkipReason("The schedule trains first.")
    sunday = week - timedelta(days=1)
    models = {kind: list_models(connection, kind) for kind in KINDS}
    if not any(models.values()):
        return dg.SkipReason("Nothing was ever trained; the first training is a person's decision (`ml-assets run`).")
    trained = all(any(model.trained_through == sunday for model in found) for found in models.values())
    if trained:
        return dg.SkipReason(f"The models of the week {week} are trained.")
    stale = [row.subject for row in read_freshness(connection, now) if row.kind == "model" and row.status != "fresh"]
    drift = drifting(connection) if settings.drift.retrain else []
    if not stale and not drift:
        return dg.SkipReason("No model is old, and nothing drifts.")
    return dg.RunRequest(
        run_key=f"retrain-{week}",
        partition_key=week.isoformat(),
        tags={"ml_assets/because": ",".join([*stale, *(f"drift:{subject}" for subject in drift)])[:250]},
    )
