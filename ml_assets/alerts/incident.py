"""The life of an incident: opened, worsened, escalated, reminded, resolved.

One pure step from yesterday's incident and today's finding to the next state and at most one event. Storing it is in
`store/incidents.py`, telling people in `message.py` and `send/channels.py`.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from ml_assets.alerts.finding import RANK, Finding, Severity
from ml_assets.settings.alerts import AlertSettings, Kind

State = Literal["open", "reminded", "escalated", "resolved"]
Event = Literal["opened", "worsened", "escalated", "reminded", "resolved"]


@dataclass(frozen=True)
class Incident:
    """Something that is wrong, from the first time it was seen until it is over."""

    subject: str
    cause: str
    kind: Kind
    collector: str
    owner: str
    severity: Severity
    summary: str
    next_step: str
    opened_at: datetime
    seen_at: datetime
    incident_id: int | None = None
    state: State = "open"
    root: str | None = None
    """Key of the incident that explains it; it is then not told."""
    unrooted_at: datetime | None = None
    """Since when it stands alone after having been explained."""
    good_since: datetime | None = None
    told_at: datetime | None = None
    told_severity: Severity | None = None
    escalated: bool = False
    messages: int = 0
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None

    @property
    def key(self) -> str:
        """subject/cause."""
        return f"{self.subject}/{self.cause}"


def open_incident(finding: Finding, owner: str, now: datetime) -> Incident:
    """The incident of a finding that is new."""
    return Incident(
        finding.subject,
        finding.cause,
        finding.kind,
        finding.collector,
        owner,
        finding.severity,
        finding.summary,
        finding.next_step,
        opened_at=now,
        seen_at=now,
    )


def advance(
    incident: Incident,
    finding: Finding | None,
    *,
    severity: Severity | None = None,
    root: str | None = None,
    muted: bool = False,
    now: datetime,
    heard_at: datetime | None = None,
    rules: AlertSettings,
) -> tuple[Incident, Event | None]:
    """The incident after an evaluation, and what people should be told.

    `finding` is None where it is not seen any more; `severity` is that of the finding and of what it explains;
    `heard_at` is when a message of now is heard, later than now in quiet hours.
    """
    heard_at = heard_at or now
    if finding is None:
        return _better(incident, now, rules)
    seen = replace(
        incident,
        severity=severity or finding.severity,
        summary=finding.summary,
        next_step=finding.next_step,
        seen_at=now,
        good_since=None,
        root=root,
        unrooted_at=None if root else incident.unrooted_at or (now if incident.root else None),
    )
    if muted or root:
        return seen, None
    if seen.told_at is None:
        waits = seen.unrooted_at is not None and now - seen.unrooted_at < rules.consequence_wait
        return (seen, None) if waits else (_told(seen, heard_at), "opened")
    return _again(seen, now, heard_at, rules)


def _again(
    incident: Incident, now: datetime, heard_at: datetime, rules: AlertSettings
) -> tuple[Incident, Event | None]:
    """Whether people who know of it are told more."""
    if RANK[incident.severity] > RANK[incident.told_severity or "warning"]:
        # It is news again, whoever had taken the smaller one on.
        told = replace(_told(incident, heard_at), acknowledged_at=None, acknowledged_by=None)
        return told, "worsened"
    if incident.acknowledged_at is not None or heard_at > now or incident.told_at is None:
        return incident, None
    known_for = now - incident.told_at
    may_escalate = bool(rules.escalation) and incident.severity == "error" and not incident.escalated
    if may_escalate and known_for >= rules.escalate_after:
        return replace(_told(incident, now), escalated=True, state="escalated"), "escalated"
    if known_for >= rules.remind_after:
        state: State = "escalated" if incident.escalated else "reminded"
        return replace(_told(incident, now), state=state), "reminded"
    return incident, None


def _better(incident: Incident, now: datetime, rules: AlertSettings) -> tuple[Incident, Event | None]:
    """One good evaluation may be chance; the second, a while later, ends the incident."""
    if incident.good_since is None or now < incident.good_since:
        return replace(incident, good_since=now), None
    if now - incident.good_since < rules.settle:
        return incident, None
    over = replace(incident, state="resolved", resolved_at=now, messages=incident.messages + 1)
    return over, "resolved" if incident.told_at is not None else None


def _told(incident: Incident, at: datetime) -> Incident:
    return replace(incident, told_at=at, told_severity=incident.severity, messages=incident.messages + 1)
