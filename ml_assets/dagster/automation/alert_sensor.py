"""The sensor that judges and tells, every minute.

What is wrong is found by the collectors, what people are told is decided in `ml_assets.alerts`; this is the wiring.
"""

import dagster as dg

from ml_assets.alerts.judge.evaluate import evaluate
from ml_assets.alerts.look.collect import SENSOR
from ml_assets.alerts.send.deliver import deliver
from ml_assets.books.freshness import clock_of, read_freshness
from ml_assets.dagster.checks.freshness import record_freshness
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.findings import ALERTS_SENSOR, Watched, collect_dagster
from ml_assets.dagster.shop import Shop
from ml_assets.settings.routable import JOBS

SECONDS = 60


def build_alert_sensor(shop: Shop) -> dg.SensorDefinition:
    """The sensor `alerts` of a shop."""
    status = dg.DefaultSensorStatus.RUNNING if shop.settings.alerts.enabled else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name=shop.prefixed(ALERTS_SENSOR),
        minimum_interval_seconds=SECONDS,
        default_status=status,
        description="Judges everything, shows the verdicts on the assets, opens and resolves incidents, and sends what "
        "people must know.",
    )
    def alerts(context: dg.SensorEvaluationContext, serving: dg.ResourceParam[ServingDatabase]) -> dg.SkipReason:
        watched = what_to_watch(shop, context.repository_def)
        with serving.connect() as connection:
            now = clock_of(connection)
            extra = collect_dagster(context.instance, watched)
            judged = evaluate(connection, shop.settings, now=now, evaluator=SENSOR, extra=extra)
            deliveries = deliver(connection, shop.settings, now=now)
            record_freshness(context.instance, shop, read_freshness(connection))
        for done in deliveries:
            if done.error is not None:
                context.log.warning("Channel %s did not take %r: %s", done.channel, done.title, done.error)
        sent = sum(done.error is None for done in deliveries)
        return dg.SkipReason(f"{len(judged.open)} incidents are open, {sent} messages were sent.")

    return alerts


def what_to_watch(shop: Shop, repository: dg.RepositoryDefinition | None) -> Watched:
    """The jobs, checks, schedules and sensors of the shop."""
    if repository is None:
        raise dg.DagsterInvariantViolationError("The sensor needs the repository that it is part of.")
    names = [one.name for one in repository.schedule_defs] + [one.name for one in repository.sensor_defs]
    return Watched(
        prefix=shop.prefixed(""),
        jobs=[shop.prefixed(name) for name in JOBS],
        checks=sorted(repository.asset_graph.asset_check_keys),
        instigators=names,
    )
