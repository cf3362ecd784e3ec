"""One evaluation: what is wrong now, against what was known, into incidents and messages; all in one transaction.

Dagster's sensor and `ml-assets watch` share it. Two at once wait for each other, and the second finds nothing new.
Sending is the next step, in `deliver.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from ml_assets.alerts.finding import Collected, Finding, Severity, worst
from ml_assets.alerts.incident import Event, Incident, advance, open_incident
from ml_assets.alerts.judge.causes import find_root
from ml_assets.alerts.look.collect import SENSOR, collect
from ml_assets.alerts.store.incidents import lock_evaluation, muted, note_evaluation, open_incidents, save_incident
from ml_assets.alerts.tell.quiet import may_be_sent_at
from ml_assets.alerts.tell.routing import owner_of
from ml_assets.alerts.tell.tell import Teller
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import act_as_writer
from ml_assets.settings.shop import Settings


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
                    subjects={start.subject, *_erring(key, findings, roots)},
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
        teller = Teller(connection, settings, after, now, closed)
        for event, incident in events:
            teller.tell(event, incident)
        for incident in after:
            if all(incident is not told for _, told in events):
                teller.look_again(incident)
    return Evaluation(now, tuple(seen.findings), tuple(events), tuple(i for i in after if i.state != "resolved"))


def _severity(key: str, findings: Mapping[str, Finding], roots: Mapping[str, str | None]) -> Severity | None:
    """A cause is as severe as the worst that it explains."""
    if key not in findings:
        return None
    explained = [findings[other].severity for other, root in roots.items() if root == key]
    return worst([findings[key].severity, *explained])


def _erring(key: str, findings: Mapping[str, Finding], roots: Mapping[str, str | None]) -> set[str]:
    """Subjects that have an error because of this one."""
    explained = (findings[other] for other, root in roots.items() if root == key)
    return {finding.subject for finding in explained if finding.severity == "error"}


def _is_muted(key: str, quiet: Mapping[tuple[str, str], datetime]) -> bool:
    subject, _, cause = key.rpartition("/")
    return any((subject, name) in quiet for name in ("*", cause, cause.partition(":")[0]))


def _closed_days(connection: ServingConnection, now: datetime) -> frozenset[date]:
    query = connection.schemas.sql(
        "SELECT d::date FROM generate_series(%s::date, %s::date, interval '1 day') AS d "
        "WHERE NOT {meta}.is_business_day(d::date)"
    )
    around = [now.date() - timedelta(days=2), now.date() + timedelta(days=30)]
    return frozenset(row[0] for row in connection.execute(query, around).fetchall())
