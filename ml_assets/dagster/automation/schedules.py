"""Schedules: when jobs run, in the shop's time zone.

Training follows scoring on Mondays, so that it finds the features as of Sunday; a day is always scored with a model
whose training ended before its week.
"""

from datetime import date, timedelta

import dagster as dg

from ml_assets.dagster.automation.jobs import Jobs
from ml_assets.dagster.partitions import Calendar, week_of
from ml_assets.dagster.shop import Shop


def default_status(shop: Shop) -> dg.DefaultScheduleStatus:
    """Whether schedules run without being switched on in the UI."""
    return dg.DefaultScheduleStatus.RUNNING if shop.settings.schedules.enabled else dg.DefaultScheduleStatus.STOPPED


def build_schedules(shop: Shop, jobs: Jobs) -> list[dg.ScheduleDefinition]:
    """Daily scoring of yesterday, weekly training for the week that begins, and the page about the one before."""
    settings = shop.settings
    status = default_status(shop)

    @dg.schedule(
        name=shop.prefixed("daily_scoring_schedule"),
        job=jobs.daily_scoring,
        cron_schedule=_cron(settings.schedules.daily_at, "*"),
        execution_timezone=settings.timezone,
        default_status=status,
        description="Scores yesterday.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        yesterday = _local_day(context, shop) - timedelta(days=1)
        return _request(shop.calendar, yesterday, shop.calendar.first_day)

    @dg.schedule(
        name=shop.prefixed("weekly_training_schedule"),
        job=jobs.weekly_training,
        cron_schedule=_cron(settings.schedules.weekly_at, "1"),
        execution_timezone=settings.timezone,
        default_status=status,
        description="Trains the models of the week that begins.",
    )
    def weekly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return _request(shop.calendar, week_of(_local_day(context, shop)), shop.calendar.first_week)

    report = _report(shop, jobs, status)
    return [daily, weekly, report] if report else [daily, weekly]


def _report(shop: Shop, jobs: Jobs, status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition | None:
    if jobs.weekly_report is None:
        return None

    @dg.schedule(
        name=shop.prefixed("weekly_report_schedule"),
        job=jobs.weekly_report,
        cron_schedule=_cron(shop.settings.schedules.report_at, "1"),
        execution_timezone=shop.settings.timezone,
        default_status=status,
        description="Writes the page about the week that is over.",
    )
    def report(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return _request(shop.calendar, week_of(_local_day(context, shop)), shop.calendar.first_week)

    return report


def _cron(at: str, weekday: str) -> str:
    hour, minute = at.split(":")
    return f"{int(minute)} {int(hour)} * * {weekday}"


def _local_day(context: dg.ScheduleEvaluationContext, shop: Shop) -> date:
    # Of the tick's own time: a tick that is made up for after an outage asks for its own day.
    return context.scheduled_execution_time.astimezone(shop.settings.tz).date()


def _request(calendar: Calendar, partition: date, first: date) -> dg.RunRequest | dg.SkipReason:
    if partition < first:
        return dg.SkipReason(f"{partition} is before {first}, the first partition.")
    if calendar.end and partition >= calendar.end:
        return dg.SkipReason(f"The data ended before {calendar.end}.")
    # The partition is the run key: a tick that is evaluated twice starts one run.
    return dg.RunRequest(run_key=partition.isoformat(), partition_key=partition.isoformat())
