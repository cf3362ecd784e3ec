"""The sensor that looks at the source: days that arrived late, days missing in the middle, days that were corrected.

It asks for as little as possible, one step after the other: first raw days, then what depends on them. Run keys make
every request at most one run a day for the same content, so that a fault is neither given up nor repeated without end.

It is no observable source asset. One with data versions by partition and automation conditions was tried in a real
daemon, looking every minute: days that were late, corrected or corrected back were asked for within 100 seconds, with
the features that see them. But a day that lost all its lines was not noticed, because only a partition that is there
has a version; the first look loaded everything without a person's decision; every look was a run, and so was every day
of a range; features were built of a day that had not come. Without a daemon nobody evaluates conditions, so that
`ml-assets run` needs the plan of `events/arrivals.py` anyway.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

import dagster as dg

from ml_assets.books.source_days import Restatement, mark_rebuilt, newest_restatement, restatements
from ml_assets.dagster.automation.jobs import Jobs, built_again
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.runs import PARTITION, UNFINISHED, range_tags
from ml_assets.dagster.shop import Shop
from ml_assets.dagster.source_look import Window, look_at_source, rebuild_after, window_before
from ml_assets.database.locks import if_free
from ml_assets.events.arrivals import Plan
from ml_assets.events.source_scan import SourceScan
from ml_assets.lake import Lake
from ml_assets.releases.catalog import published_days
from ml_assets.sources.base import EventSource
from ml_assets.sources.build import build_source
from ml_assets.sources.reading import mixed_reading

# The schedule goes first; only what it did not do is done here.
AFTER_THE_SCHEDULE = timedelta(minutes=30)
LATER = {"dagster/priority": "-1"}


def build_source_sensor(shop: Shop, jobs: Jobs) -> dg.SensorDefinition:
    """The sensor `source_changes` of a shop."""
    settings = shop.settings
    status = dg.DefaultSensorStatus.RUNNING if settings.schedules.enabled else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name=shop.prefixed("source_changes"),
        jobs=[jobs.load_days, jobs.daily_scoring, jobs.rebuild],
        minimum_interval_seconds=60 * settings.schedules.check_source_every,
        default_status=status,
        description="Loads days that arrived late or changed, and builds again what depends on them.",
    )
    def source_changes(
        context: dg.SensorEvaluationContext,
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> dg.SensorResult | dg.SkipReason:
        now = datetime.now(settings.tz)
        # Built at every tick: a source remembers the date on which it was built.
        source = build_source(settings, today=now.date())
        if mixed := mixed_reading(settings):
            context.log.warning("%s: `ml-assets run` loads all again; this sensor only the newest days.", mixed)
        scan = SourceScan(source, context.cursor, today=now.date())
        with serving.connect() as connection, if_free(connection, "run") as is_mine:
            if not is_mine:
                return dg.SkipReason("`ml-assets run` is at work on this shop, and looks at the source itself.")
            requests = list(look(shop, context.instance, lake, serving, source, scan, now))
        context.update_cursor(scan.memory or "")
        if not requests:
            return dg.SkipReason("The lake holds what the source holds.")
        return dg.SensorResult(run_requests=requests)

    return source_changes


def look(  # noqa: PLR0917 what a tick needs, and its time
    shop: Shop,
    instance: dg.DagsterInstance,
    lake: Lake,
    serving: ServingDatabase,
    source: EventSource,
    scan: SourceScan,
    now: datetime,
) -> Iterator[dg.RunRequest]:
    """What to run now."""
    last = now.date() - timedelta(days=1)
    if shop.calendar.end is not None:
        last = min(last, shop.calendar.end - timedelta(days=1))
    window = window_before(shop, last, last)
    if not lake.partitions("transactions") or window[0] > last:
        # The first load of a shop is a person's decision (`ml-assets run`).
        return
    with serving.connect() as connection:
        plan = look_at_source(shop, lake, connection, source, seen=scan.contents(*window), window=window)
        pending = restatements(connection, only_pending=True)
        # Content that comes back after a correction is another correction.
        ledger = newest_restatement(connection)
        published = published_days(connection, "recommendations")
    raw = list(_load_requests(shop, instance, plan, now, ledger))
    yield from raw
    # What is missing in the middle is loaded first, but does not hold up the newest day for ever.
    is_waiting = bool(plan.missing and raw)
    is_due = plan.newest not in published and not is_waiting
    scoring = _scoring_request(shop, instance, plan, now) if is_due else None
    if pending and not raw:
        scored = [plan.newest] if scoring and plan.newest else []
        yield from _rebuild_requests(shop, lake, pending, window, scored)
        with serving.connect() as connection:
            mark_rebuilt(connection, max(entry.restatement_id for entry in pending))
    if scoring is not None:
        yield scoring


def _scoring_request(shop: Shop, instance: dg.DagsterInstance, plan: Plan, now: datetime) -> dg.RunRequest | None:
    """The newest day, unless the schedule goes first, it was asked for today, or it runs."""
    day = plan.newest
    if day is None or not _is_after_schedule(shop, day, now):
        return None
    if _is_running(instance, shop.prefixed("daily_scoring"), day):
        return None
    key = f"arrived-{day}-{now:%Y-%m-%d}-{_digest(plan, day, day)}"
    if _was_asked(instance, key):
        return None
    return dg.RunRequest(run_key=key, job_name=shop.prefixed("daily_scoring"), partition_key=day.isoformat())


def _load_requests(
    shop: Shop, instance: dg.DagsterInstance, plan: Plan, now: datetime, ledger: int
) -> Iterator[dg.RunRequest]:
    """Missing and changed raw days, as ranges; `ledger` is the number of the newest correction.

    A day that the source lost is asked for too: its load fails, keeps what was there, and tells.
    """
    for first, last in [*plan.loads, *((one.day, one.day) for one in plan.lost)]:
        key = f"load-{first}-{last}-{now:%Y-%m-%d}-{ledger}-{_digest(plan, first, last)}"
        if not _was_asked(instance, key):
            yield dg.RunRequest(
                run_key=key,
                job_name=shop.prefixed("load_days"),
                tags=range_tags(first, last),
            )


def _digest(plan: Plan, first: date, last: date) -> str:
    """A short name of what the source holds for some days."""
    contents = "".join(f"{day}{plan.seen[day].fingerprint}" for day in sorted(plan.seen) if first <= day <= last)
    return hashlib.sha256(contents.encode()).hexdigest()[:12]


def _was_asked(instance: dg.DagsterInstance, key: str) -> bool:
    return bool(instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": key}), limit=1))


def _rebuild_requests(
    shop: Shop, lake: Lake, pending: Sequence[Restatement], window: Window, scored: Sequence[date]
) -> Iterator[dg.RunRequest]:
    """The days whose features see a corrected day; only the newest is scored and published again."""
    number = max(entry.restatement_id for entry in pending)
    rebuild = rebuild_after(shop, lake, {entry.day for entry in pending}, [window], scored=scored)
    if rebuild.newest is not None:
        day = rebuild.newest.isoformat()
        yield dg.RunRequest(run_key=f"rebuild-{number}-{day}", job_name=shop.prefixed("rebuild"), partition_key=day)
    for day in map(date.isoformat, rebuild.features):
        yield dg.RunRequest(
            run_key=f"rebuild-{number}-{day}",
            job_name=shop.prefixed("rebuild"),
            partition_key=day,
            asset_selection=[shop.key(name) for name in built_again(shop)],
            tags=LATER,
        )


def _is_after_schedule(shop: Shop, day: date, now: datetime) -> bool:
    at = time.fromisoformat(shop.settings.schedules.daily_at)
    scheduled = datetime.combine(day + timedelta(days=1), at, tzinfo=shop.settings.tz)
    return now >= scheduled + AFTER_THE_SCHEDULE


def _is_running(instance: dg.DagsterInstance, job: str, day: date) -> bool:
    tags = {PARTITION: day.isoformat()}
    return bool(instance.get_runs(dg.RunsFilter(job_name=job, tags=tags, statuses=UNFINISHED), limit=1))
