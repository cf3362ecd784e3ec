"""One evaluation: what is wrong now, against what was known, into incidents and messages; all in one transaction.

Dagster's sensor and `ml-assets watch` share it. Two at once wait for each other, and the second finds nothing new.
Sending is the next step, in `deliver.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from ml_assets.alerts.causes import find_root
from ml_assets.alerts.collect import SENSOR, collect
from ml_assets.alerts.finding import Collected, Finding, Severity, worst
from ml_assets.alerts.incident import Event, Incident, advance, open_incident
from ml_assets.alerts.message import Context, compose, describe
from ml_assets.alerts.quiet import may_be_sent_at
from ml_assets.alerts.routing import channels_for, owner_of
from ml_assets.serving.connection import ServingConnection
from ml_assets.serving.impact import LiveRelease, live_releases
from ml_assets.serving.incidents import lock_evaluation, muted, note_evaluation, open_incidents, save_incident
from ml_assets.serving.outbox import channels_told, enqueue, withdraw_unsent
from ml_assets.serving.roles import act_as_writer
from ml_assets.settings.shop import Settings

IMPACT = ("data", "features", "model", "predictions", "run", "dagster")


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation saw and said."""

    at: datetime
    findings: tuple[Finding, ...]
    events: tuple[tuple[Event, Incident], ...]
    open: tuple[Incident, ...]


def evaluate(
    connection: ServingConnection,
    settings: Settings,
    *,
    now: datetime,
    evaluator: str,
    extra: Collected | None = None,
    watch_dagster: bool = True,
) -> Evaluation:
    """Judge everything as of `now`, and write down what people must be told.

    `extra` brings what only the caller can see. An incident whose collector did not look stays as it is.
    """
    with connection.transaction():
        act_as_writer(connection)
        lock_evaluation(connection)
        if evaluator == SENSOR:
            note_evaluation(connection, SENSOR, now)
        seen = collect(connection, settings, now, watch_dagster=watch_dagster) + (extra or Collected())
        before = open_incidents(connection)
        findings = {finding.key: finding for finding in seen.findings}
        present = {
            key
            for key, known in (before | findings).items()
            if key in findings or before[key].good_since is None
            if known.severity == "error" or not known.cause.startswith("check")
        }
        roots = {key: find_root(key, present) for key in findings}
        mutes = muted(connection, now)
        closed = _closed_days(connection, now) if settings.alerts.quiet_hours else frozenset()
        events: list[tuple[Event, Incident]] = []
        after: list[Incident] = []
        for key in sorted(set(before) | set(findings), key=lambda key: (roots.get(key) is not None, key)):
            finding, old = findings.get(key), before.get(key)
            if finding is None and old is not None and old.collector not in seen.collectors:
                after.append(old)
                continue
            start = old or open_incident(findings[key], owner_of(findings[key].subject, settings), now)
            severity = _severity(key, findings, roots)
            incident, event = advance(
                start,
                finding,
                severity=severity,
                root=roots.get(key),
                muted=_is_muted(key, mutes),
                now=now,
                heard_at=may_be_sent_at(
                    now,
                    severity=severity or start.severity,
                    subject=start.subject,
                    quiet=settings.alerts.quiet_hours,
                    zone=settings.tz,
                    closed_days=closed,
                ),
                rules=settings.alerts,
            )
            if incident != old:
                incident = replace(incident, incident_id=save_incident(connection, incident))
            after.append(incident)
            if event is not None:
                events.append((event, incident))
        if events:
            _write_down(connection, settings, events, after, now, closed)
    return Evaluation(now, tuple(seen.findings), tuple(events), tuple(i for i in after if i.state != "resolved"))


def _severity(key: str, findings: Mapping[str, Finding], roots: Mapping[str, str | None]) -> Severity | None:
    """A cause is as severe as the worst that it explains."""
    if key not in findings:
        return None
    explained = [findings[other].severity for other, root in roots.items() if root == key]
    return worst([findings[key].severity, *explained])


def _is_muted(key: str, quiet: Mapping[tuple[str, str], datetime]) -> bool:
    subject, _, cause = key.rpartition("/")
    return any((subject, name) in quiet for name in ("*", cause, cause.partition(":")[0]))


def _write_down(  # noqa: PLR0917 everything that messages are made of
    connection: ServingConnection,
    settings: Settings,
    events: list[tuple[Event, Incident]],
    after: list[Incident],
    now: datetime,
    closed: frozenset[date],
) -> None:
    """Put the messages into the outbox."""
    live = live_releases(connection)
    for event, incident in events:
        number = incident.incident_id
        if number is None:
            raise RuntimeError("an incident is told before it was stored")
        told: list[str] = []
        if event in ("resolved", "worsened"):
            # What waits for the end of the quiet hours is old by now.
            withdraw_unsent(connection, number)
            told = channels_told(connection, number)
        said: Event = "opened" if event == "worsened" and not told else event
        message = compose(incident, said, _context(settings, incident, after, live), now)
        moment = may_be_sent_at(
            now,
            severity=incident.severity,
            subject=incident.subject,
            quiet=settings.alerts.quiet_hours,
            zone=settings.tz,
            closed_days=closed,
        )
        for channel in told if event == "resolved" else channels_for(incident, event, settings.alerts):
            enqueue(connection, message, number=incident.messages, channel=channel, now=now, not_before=moment)


def _context(settings: Settings, incident: Incident, after: list[Incident], live: Mapping[str, LiveRelease]) -> Context:
    affected = [f"{other.subject} {describe(other.cause)}" for other in after if other.root == incident.key]
    return Context(
        shop=settings.name,
        zone=settings.tz,
        runbook=settings.alerts.runbook,
        impact=_impact(incident, live),
        last_good=_last_good(settings, incident, live),
        affected=tuple(affected),
    )


def _impact(incident: Incident, live: Mapping[str, LiveRelease]) -> str | None:
    if incident.kind not in IMPACT:
        return None
    segments = incident.subject in ("segment_assignments", "segmentation_model")
    release = live.get("segment_assignments" if segments else "recommendations")
    if release is None:
        return "No customer has anything to see yet."
    what = "segments" if segments else "list"
    return f"{release.keys:,} customers see {release.day:%A}'s {what} ({release.day})."


def _last_good(settings: Settings, incident: Incident, live: Mapping[str, LiveRelease]) -> str | None:
    release = live.get(incident.subject) or (live.get("recommendations") if incident.kind in IMPACT else None)
    if release is None:
        return None
    run = f", run {release.run_id[:8]}" if release.run_id else ""
    local = release.published_at.astimezone(settings.tz)
    return f"Last good run: {release.subject} of {release.day}, published {local:%a %d %b %H:%M}{run}."


def _closed_days(connection: ServingConnection, now: datetime) -> frozenset[date]:
    query = connection.schemas.sql(
        "SELECT d::date FROM generate_series(%s::date, %s::date, interval '1 day') AS d "
        "WHERE NOT {meta}.is_business_day(d::date)"
    )
    around = [now.date() - timedelta(days=2), now.date() + timedelta(days=30)]
    return frozenset(row[0] for row in connection.execute(query, around).fetchall())
