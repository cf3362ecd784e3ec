"""The job `since_last`: a micro-batch inside the day, beside the jobs of whole days.

What it does is in `ml_assets/dagster/since_last.py`. It makes no asset: what it changes belongs to the release of a day
that is made already.
"""

from typing import Any

import dagster as dg

from ml_assets.dagster.automation.schedules import default_status
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.failures import final_failures
from ml_assets.dagster.progress import told
from ml_assets.dagster.runs import UNFINISHED
from ml_assets.dagster.shop import Shop
from ml_assets.dagster.since_last import Rescorer
from ml_assets.lake import Lake
from ml_assets.sources.base import EventSource

NAME = "since_last"
MAX_RUNTIME = {"dagster/max_runtime": "1800"}


def build_micro_batch(shop: Shop) -> dg.JobDefinition | None:
    """The job; None where the shop makes no lists of customers."""
    if "recommendations" not in shop.settings.published:
        return None

    @dg.op(name=shop.prefixed("rescore_since_last"))
    @final_failures
    def rescore(
        context: dg.OpExecutionContext,
        source: dg.ResourceParam[EventSource],
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> None:
        """Make the lists anew of those who bought something since, and of those whose items went away."""
        done = Rescorer(shop.settings, source, lake, serving, told(context)).run(run_id=context.run_id)
        context.log.info(done.words)
        counts = {"customers": done.customers, "lists": done.lists, "events": done.events}
        facts = {name: str(value) for name, value in done.facts.items()}
        metadata: dict[str, Any] = {"state": done.state, "words": done.words, **counts, **facts}
        context.log_event(dg.AssetObservation(asset_key=shop.key("recommendations_release"), metadata=metadata))
        if done.state == "refused":
            raise dg.Failure(done.words, allow_retries=False)

    @dg.job(
        name=shop.prefixed(NAME),
        tags=MAX_RUNTIME,
        description="Makes lists anew of those who bought something since the live release, without waiting for the "
        "end of the day.",
    )
    def since_last() -> None:
        rescore()

    return since_last


def build_micro_batch_schedule(shop: Shop, job: dg.JobDefinition | None) -> dg.ScheduleDefinition | None:
    """When it runs by itself: by the setting `schedules.since_last`; None where it does not."""
    cron = shop.settings.schedules.since_last
    if cron is None or job is None:
        return None
    beside = [shop.prefixed(name) for name in (NAME, "daily_scoring", "rebuild")]

    @dg.schedule(
        name=shop.prefixed("since_last_schedule"),
        job=job,
        cron_schedule=cron,
        execution_timezone=shop.settings.timezone,
        default_status=default_status(shop),
        description="Makes lists anew of those who bought something since.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        # The day's own run knows the same events; a micro-batch before it would be work for nothing.
        for name in beside:
            if context.instance.get_runs_count(dg.RunsFilter(job_name=name, statuses=UNFINISHED)):
                return dg.SkipReason(f"{name} is at work.")
        return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat())

    return schedule
