"""What the database alone shows to be wrong: staleness, volume, blocked releases, refused models, drift, broken
promises, silence.

Each collector is one function; its query is in `alerts/store/` or `books/`. What only Dagster knows is collected in
`dagster/findings.py`.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from ml_assets.alerts.finding import Collected, Finding, Severity
from ml_assets.alerts.store.impact import blocked_releases
from ml_assets.alerts.store.incidents import last_evaluation
from ml_assets.alerts.store.outbox import failing_channels
from ml_assets.books.drift import newest_drift
from ml_assets.books.freshness import Freshness, read_freshness
from ml_assets.books.imported import imported_subjects
from ml_assets.books.live_quality import below_promise
from ml_assets.books.models import newest_refusals
from ml_assets.books.opt_outs import OPT_OUTS
from ml_assets.books.unread import unread
from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.settings.alerts import AlertSettings
from ml_assets.settings.freshness import VolumeLimits
from ml_assets.settings.shop import Settings
from ml_assets.subjects import ARM_LISTS, SUBJECTS

SENSOR = "sensor"
# While a shop is set up for the first time, everything is missing for a while.
FIRST_HOURS = 3
# What `ml-assets import` calls what others make.
IMPORTS = {"recommendations": "recommendations", "segment_assignments": "segments"}
COLLECTORS = ("freshness", "releases", "models", "drift", "live_quality", "unread", "channels")


def collect(
    connection: ServingConnection, settings: Settings, now: datetime, *, watch_dagster: bool = True
) -> Collected:
    """Everything the database shows, as of `now`; with `watch_dagster` also whether Dagster evaluates."""
    shown = {*settings.subjects, *imported_subjects(connection, settings)}
    if "recommendations" in settings.subjects:
        shown.add(ARM_LISTS.name)
    found = Collected.of(
        [
            *_freshness(connection, settings, now),
            *_of(shown, _blocked_releases(connection, settings)),
            *_of(shown, _refused_models(connection)),
            *_of(shown, _drift(connection)),
            *_of(shown, _below_promise(connection, settings.live_quality.days_below)),
            *_unread(connection, settings),
            *_broken_channels(connection, settings.alerts),
        ],
        *COLLECTORS,
    )
    return found + Collected.of(_silence(connection, settings.alerts, now), "silence") if watch_dagster else found


def _of(shown: Collection[str], found: Iterator[Finding]) -> Iterator[Finding]:
    """Without what was wrong with subjects that the shop does not show any more."""
    return (one for one in found if one.subject in shown)


def _freshness(connection: ServingConnection, settings: Settings, now: datetime) -> Iterator[Finding]:
    created = one(connection, "SELECT created_at FROM {meta}.shop")
    is_new = (now - created).total_seconds() < FIRST_HOURS * 3600
    for row in read_freshness(connection, now):
        step = _next(row, settings)
        if row.volume_reason:
            yield _volume(row, row.volume_reason, settings.freshness.volume)
        if row.status == "missing" and not is_new:
            yield Finding(row.subject, "missing", row.kind, "error", "freshness", row.age_reason or "", step)
        elif row.age_reason and row.stale_at and row.age:
            severity: Severity = "error" if now > row.stale_at else "warning"
            words = f"{row.age_reason} It is {_age(row.age)} old."
            yield Finding(row.subject, "stale", row.kind, severity, "freshness", words, step)


def _volume(row: Freshness, reason: str, limits: VolumeLimits) -> Finding:
    """The newest day has far fewer rows than its weekday usually has."""
    is_error = (row.row_count or 0) < (row.usual_row_count or 0) * limits.error_below
    step = f"look whether the feed was whole, then `ml-assets run --date {row.data_as_of}`"
    return Finding(row.subject, "volume", row.kind, "error" if is_error else "warning", "freshness", reason, step)


def _age(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"


def _next(row: Freshness, settings: Settings) -> str:
    return ("check the feed, then " if row.kind == "data" else "") + _again(row.subject, settings, "run")


def _again(subject: str, settings: Settings, run: str) -> str:
    """The command that makes a subject: a run of this shop, else an import of what others make."""
    is_imported = subject in IMPORTS and subject not in settings.subjects
    return f"`ml-assets {f'import {IMPORTS[subject]} FILE' if is_imported else run}`"


def _blocked_releases(connection: ServingConnection, settings: Settings) -> Iterator[Finding]:
    for subject, day, reason in blocked_releases(connection):
        words = f"The release of {day} was blocked: {reason or 'no reason was given'} The one before stays live."
        step = f"look at the gates in `ml-assets ui`, then {_again(subject, settings, f'run --date {day}')}"
        yield Finding(subject, "blocked", "predictions", "error", "releases", words, step)


def _refused_models(connection: ServingConnection) -> Iterator[Finding]:
    for kind, through, reasons in newest_refusals(connection):
        words = f"Trained through {through} and refused: {' '.join(reasons)} The champion keeps scoring."
        step = (
            "`ml-assets segments list` shows it; `ml-assets segments accept` or `refuse` it"
            if kind == "segmentation"
            else "`ml-assets models` lists what was decided, and why"
        )
        yield Finding(f"{kind}_model", "refused", "model", "warning", "models", words, step)


def _drift(connection: ServingConnection) -> Iterator[Finding]:
    for subject, day, details, is_error in newest_drift(connection):
        words = f"On {day}: {' '.join(details[:3])}"
        step = "see the plots of the drift check in `ml-assets ui`"
        yield Finding(
            subject, "drift", SUBJECTS[subject].kind, "error" if is_error else "warning", "drift", words, step
        )


def _below_promise(connection: ServingConnection, days: int) -> Iterator[Finding]:
    for newest in below_promise(connection, days):
        words = f"{newest.words} So it was on the last {days} days that were judged."
        step = "`ml-assets models` shows which model makes the list; train it anew, or roll back to the one before"
        cause = f"below_promise:{newest.placement}"
        yield Finding("recommendations", cause, "predictions", "warning", "live_quality", words, step)


def _unread(connection: ServingConnection, settings: Settings) -> Iterator[Finding]:
    """What runs go on without, as far as the settings still name it."""
    for beside in unread(connection):
        if beside.what != OPT_OUTS or settings.opt_outs is not None:
            words = f"{beside.problem} So since {beside.since.astimezone(settings.tz):%Y-%m-%d %H:%M}."
            yield Finding(beside.what, "unread", "data", "error", "unread", words, beside.next_step)


def _broken_channels(connection: ServingConnection, alerts: AlertSettings) -> Iterator[Finding]:
    """Channels of the settings whose last attempts failed."""
    for channel, error in failing_channels(connection):
        if channel in alerts.channels:
            words = f"The alert channel {channel} does not deliver: {error}"
            step = f"mend it, then `ml-assets alerts test {channel}`"
            yield Finding(f"channel {channel}", "undeliverable", "channel", "error", "channels", words, step)


def _silence(connection: ServingConnection, alerts: AlertSettings, now: datetime) -> Iterator[Finding]:
    """Dagster's sensor, which evaluates every minute, has not done so for a while."""
    seen = last_evaluation(connection, SENSOR)
    if seen is not None and now - seen > alerts.silent_after:
        minutes = (now - seen).total_seconds() / 60
        # The same sentence at every evaluation would be a lie a minute later; hours are told in whole ones.
        since = f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes // 60:.0f} hours"
        words = f"Dagster's sensor `alerts` has not run for {since}: nothing is computed on time any more."
        step = "start Dagster's daemon (`ml-assets ui`, or `docker compose restart daemon`)"
        yield Finding("dagster", "silent", "dagster", "error", "silence", words, step)
