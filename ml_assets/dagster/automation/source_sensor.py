"""The sensor that looks at the source: days that arrived late, days missing in the middle, days that were corrected.

It asks for as little as possible, one step after the other: first raw days, then what depends on them. Run keys make
every request at most one run a day for the same content, so that a fault is neither given up nor repeated without end.

It is no observable source asset with automation conditions: only Dagster's daemon evaluates those, so nothing that runs
without one could ask for the same days, and every look would be a run of its own where a tick is none.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta

import dagster as dg

from ml_assets.books.source_days import Restatement, known_days, mark_rebuilt, newest_restatement, restatements
from ml_assets.dagster.automation.jobs import Jobs
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.runs import PARTITION, UNFINISHED, range_tags
from ml_assets.dagster.shop import Shop
from ml_assets.events.arrivals import affected_days, compare_days, ranges_of
from ml_assets.events.fingerprint import DayContent
from ml_assets.events.glance import Glance
from ml_assets.lake import Lake
from ml_assets.releases.catalog import published_days
from ml_assets.sources.build import build_source

# The schedule goes first; only what it did not do is done here.
AFTER_THE_SCHEDULE = timedelta(minutes=30)
FEATURES = ("interactions", "customer_features")
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
        glance = Glance(build_source(settings, today=now.date()), context.cursor, today=now.date())
        requests = list(look(shop, context.instance, lake, serving, glance, now))
        context.update_cursor(glance.memory or "")
        if not requests:
            return dg.SkipReason("The lake holds what the source holds.")
        return dg.SensorResult(run_requests=requests)

    return source_changes


def look(  # noqa: PLR0917 what a tick needs, and its time
    shop: Shop,
    instance: dg.DagsterInstance,
    lake: Lake,
    serving: ServingDatabase,
    glance: Glance,
    now: datetime,
) -> Iterator[dg.RunRequest]:
    """What to run now."""
    last = now.date() - timedelta(days=1)
    if shop.calendar.end is not None:
        last = min(last, shop.calendar.end - timedelta(days=1))
    first = max(shop.calendar.first_day, last - timedelta(days=shop.settings.schedules.catch_up_days - 1))
    loaded = [date.fromisoformat(day) for day in lake.partitions("transactions")]
    if not loaded or first > last:
        # The first load of a shop is a person's decision (`ml-assets run`).
        return
    seen = glance.contents(first, last)
    with serving.connect() as connection:
        arrivals = compare_days(seen, known_days(connection, first, last), loaded=loaded)
        pending = restatements(connection, only_pending=True)
        # Content that comes back after a correction is another correction.
        ledger = newest_restatement(connection)
        published = published_days(connection, "recommendations")
    newest = max(seen, default=None)
    # The newest day is loaded by its scoring.
    missing = [day for day in arrivals.new if day != newest]
    raw = list(_load_requests(shop, instance, seen, [*ranges_of(missing), *ranges_of(arrivals.changed)], now, ledger))
    yield from raw
    if pending and not raw:
        yield from _rebuild_requests(shop, lake, pending, last)
        with serving.connect() as connection:
            mark_rebuilt(connection, max(entry.restatement_id for entry in pending))
    if newest is not None and newest not in published and _is_after_schedule(shop, newest, now):
        # What is missing in the middle is loaded first, but does not hold up the newest day for ever.
        is_waiting = any(day < newest for day in arrivals.new) and raw
        if not is_waiting and not _is_running(instance, shop.prefixed("daily_scoring"), newest):
            yield dg.RunRequest(
                run_key=f"arrived-{newest}-{now:%Y-%m-%d}-{_digest(seen, newest, newest)}",
                job_name=shop.prefixed("daily_scoring"),
                partition_key=newest.isoformat(),
            )


def _load_requests(  # noqa: PLR0917 what a key is made of
    shop: Shop,
    instance: dg.DagsterInstance,
    seen: Mapping[date, DayContent],
    ranges: Sequence[tuple[date, date]],
    now: datetime,
    ledger: int,
) -> Iterator[dg.RunRequest]:
    """Missing and changed raw days, as ranges; `ledger` is the number of the newest correction."""
    for first, last in ranges:
        key = f"load-{first}-{last}-{now:%Y-%m-%d}-{ledger}-{_digest(seen, first, last)}"
        if not instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": key}), limit=1):
            yield dg.RunRequest(
                run_key=key,
                job_name=shop.prefixed("load_days"),
                tags=range_tags(first, last),
            )


def _digest(seen: Mapping[date, DayContent], first: date, last: date) -> str:
    """A short name of what the source holds for some days."""
    contents = "".join(f"{day}{seen[day].fingerprint}" for day in sorted(seen) if first <= day <= last)
    return hashlib.sha256(contents.encode()).hexdigest()[:12]


def _rebuild_requests(shop: Shop, lake: Lake, pending: Sequence[Restatement], last: date) -> Iterator[dg.RunRequest]:
    """The days whose features see a corrected day; only the newest is scored and published again.

    Past predictions are the record of what was shown, and stay.
    """
    present = [date.fromisoformat(day) for day in lake.partitions("interactions")]
    oldest = last - timedelta(days=shop.settings.schedules.catch_up_days - 1)
    changed = {entry.day for entry in pending}
    days = affected_days(changed, present=present, lookback_days=shop.settings.lookback_days)
    number = max(entry.restatement_id for entry in pending)
    for day in reversed(days):
        is_newest = day == max(present)
        if is_newest or day >= oldest:
            yield dg.RunRequest(
                run_key=f"rebuild-{number}-{day}",
                job_name=shop.prefixed("rebuild"),
                partition_key=day.isoformat(),
                asset_selection=None if is_newest else [shop.key(name) for name in FEATURES],
                tags={} if is_newest else LATER,
            )


def _is_after_schedule(shop: Shop, day: date, now: datetime) -> bool:
    at = time.fromisoformat(shop.settings.schedules.daily_at)
    scheduled = datetime.combine(day + timedelta(days=1), at, tzinfo=shop.settings.tz)
    return now >= scheduled + AFTER_THE_SCHEDULE


def _is_running(instance: dg.DagsterInstance, job: str, day: date) -> bool:
    tags = {PARTITION: day.isoformat()}
    return bool(instance.get_runs(dg.RunsFilter(job_name=job, tags=tags, statuses=UNFINISHED), limit=1))
