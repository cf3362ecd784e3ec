"""One evaluation: what is wrong now, against what was known, into incidents and messages; all in one transaction.

Dagster's sensor and `ml-assets watch` share it. Two at once wait for each other, and the second finds nothing new.
Sending is the next step, in `send/deliver.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property

from ml_assets.alerts.finding import Collected, Finding, worst
from ml_assets.alerts.incident import Event, Incident, advance, open_incident
from ml_assets.alerts.judge.roots import find_root
from ml_assets.alerts.look.collect import SENSOR, collect
from ml_assets.alerts.store.incidents import lock_evaluation, muted, note_evaluation, open_incidents, save_incident
from ml_assets.alerts.tell.quiet import may_be_sent_at
from ml_assets.alerts.tell.routing import owner_of
from ml_assets.alerts.tell.tell import Notifier
from ml_assets.books.freshness import closed_days
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.settings.shop import Settings

# Around now, quiet hours may end on these days.
LOOK_BACK, LOOK_AHEAD = timedelta(days=2), timedelta(days=30)


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
    with writing(connection):
        lock_evaluation(connection)
        if evaluator == SENSOR:
            note_evaluation(connection, SENSOR, now)
        seen = collect(connection, settings, now, watch_dagster=watch_dagster) + (extra or Collected())
        before, mutes = open_incidents(connection), muted(connection, now)
        quiet = settings.alerts.quiet_hours
        closed = closed_days(connection, now.date() - LOOK_BACK, now.date() + LOOK_AHEAD) if quiet else frozenset()
        situation = _Situation(
            settings, now, {finding.key: finding for finding in seen.findings}, before, mutes, closed
        )
        events: list[tuple[Event, Incident]] = []
        after: list[Incident] = []
        for key in situation.in_order:
            old = before.get(key)
            if old is not None and key not in situation.findings and old.collector not in seen.collectors:
                after.append(old)
                continue
            incident, event = situation.advance(key)
            if incident != old:
                incident = replace(incident, incident_id=save_incident(connection, incident))
            after.append(incident)
            events += [(event, incident)] if event else []
        _tell(Notifier(connection, settings, after, now, closed), events)
    return Evaluation(now, tuple(seen.findings), tuple(events), tuple(i for i in after if i.state != "resolved"))


def _tell(notifier: Notifier, events: Sequence[tuple[Event, Incident]]) -> None:
    for event, incident in events:
        notifier.tell(event, incident)
    for incident in notifier.incidents:
        if all(incident is not told for _, told in events):
            notifier.look_again(incident)


@dataclass(frozen=True)
class _Situation:
    """What is wrong now beside what was known, and which explains which."""

    settings: Settings
    now: datetime
    findings: dict[str, Finding]
    before: dict[str, Incident]
    mutes: Mapping[tuple[str, str], datetime]
    closed_days: frozenset[date]

    @cached_property
    def roots(self) -> dict[str, str | None]:
        """The incident that explains each finding."""
        present = {
            key
            for key, known in (self.before | self.findings).items()
            if key in self.findings or self.before[key].good_since is None
            if known.severity == "error" or not known.cause.startswith("check")
        }
        return {key: find_root(key, present) for key in self.findings}

    @property
    def in_order(self) -> list[str]:
        """Everything that is or was wrong, what explains others first."""
        return sorted({*self.before, *self.findings}, key=lambda key: (self.roots.get(key) is not None, key))

    def advance(self, key: str) -> tuple[Incident, Event | None]:
        """An incident after this evaluation, and what people should be told."""
        finding = self.findings.get(key)
        # Where nothing is wrong any more, something was.
        start = self.before[key] if finding is None else self.before.get(key) or self._opened(finding)
        explained = [self.findings[other] for other, root in self.roots.items() if root == key]
        # A cause is as severe as the worst that it explains.
        severity = worst([finding.severity, *(other.severity for other in explained)]) if finding else None
        heard_at = may_be_sent_at(
            self.now,
            severity=severity or start.severity,
            subjects={start.subject, *(other.subject for other in explained if other.severity == "error")},
            quiet=self.settings.alerts.quiet_hours,
            zone=self.settings.tz,
            closed_days=self.closed_days,
        )
        return advance(
            start,
            finding,
            severity=severity,
            root=self.roots.get(key),
            muted=self._is_muted(key),
            now=self.now,
            heard_at=heard_at,
            rules=self.settings.alerts,
        )

    def _opened(self, finding: Finding) -> Incident:
        return open_incident(finding, owner_of(finding.subject, self.settings), self.now)

    def _is_muted(self, key: str) -> bool:
        subject, _, cause = key.rpartition("/")
        return any((subject, name) in self.mutes for name in ("*", cause, cause.partition(":")[0]))
