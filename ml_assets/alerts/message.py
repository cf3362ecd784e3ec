"""The words of a message: what, how bad, who is affected, what to do.

Plain text, one line for the title. Channels give it their own form.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from ml_assets.alerts.causes import cause_of
from ml_assets.alerts.incident import Event, Incident

MARKS = {
    "opened": {"error": "ERROR", "warning": "Warning"},
    "worsened": {"error": "ERROR, was a warning", "warning": "Warning"},
    "escalated": {"error": "ERROR, nobody has acknowledged", "warning": "Warning, nobody has acknowledged"},
    "reminded": {"error": "Still an ERROR", "warning": "Still a warning"},
    "resolved": {"error": "Recovered", "warning": "Recovered"},
}


Told = Event | Literal["report"]
"""What a message is about: an event of an incident, or a page."""


@dataclass(frozen=True)
class Message:
    """What a channel gets."""

    title: str
    body: str
    event: Told
    severity: str
    """info, warning or error."""
    incident_id: int | None = None


@dataclass(frozen=True)
class Context:
    """Facts around an incident that its message names."""

    shop: str
    zone: ZoneInfo
    runbook: str
    impact: str | None = None
    """Whom it hits now, as a sentence."""
    last_good: str | None = None
    """The last time that it was well, as a sentence."""
    affected: tuple[str, ...] = ()
    """What it explains, such as `recommendations is stale`."""
    note: str | None = None
    """What else a reader must know, such as that this is a rehearsal."""
    command: str = "ml-assets"
    """How readers call the program."""


def compose(incident: Incident, event: Event, context: Context, now: datetime) -> Message:
    """The message about an event."""
    what = f"{incident.subject} {describe(incident.cause, incident.severity, over=event == 'resolved')}"
    title = f"{MARKS[event][incident.severity]}: {what}"
    title += f" (shop {context.shop})" if context.shop else ""
    if event == "resolved":
        lines = [f"It was: {incident.summary}"]
        lines += [context.impact] if context.impact else []
        if now >= incident.opened_at:
            lines.append(f"It was open for {_length(now - incident.opened_at)}.")
            lines.append(f"Opened {_local(incident.opened_at, context.zone)}, over {_local(now, context.zone)}.")
        else:
            lines.append("The clock has been set back since it was opened.")
    else:
        lines = [incident.summary]
        lines += [context.impact] if context.impact else []
        lines += [f"Because of it also: {', '.join(context.affected)}."] if context.affected else []
        lines += [context.last_good] if context.last_good else []
        lines.append(f"Noticed {_local(incident.opened_at, context.zone)}, owner {incident.owner}.")
        lines.append(f"Next: {incident.next_step}")
        lines.append(f"Runbook: {context.runbook}#{incident.cause.partition(':')[0]}")
        if incident.incident_id is not None:
            lines.append(f"To take it on: `ml-assets alerts ack {incident.incident_id}`")
    lines += [context.note] if context.note else []
    body = "\n".join(lines).replace("`ml-assets ", f"`{context.command} ")
    return Message(_one_line(title), body, event, incident.severity, incident.incident_id)


def describe(cause: str, severity: str = "error", *, over: bool = False) -> str:
    """The cause as the end of a sentence; what is not yet stale is late."""
    name, _, detail = cause.partition(":")
    words = cause_of(name).past if over else cause_of(name).present
    if name == "stale" and severity == "warning":
        words = words.replace("stale", "late")
    return f"{words}{f' ({detail})' if detail else ''}"


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%a %d %b %Y %H:%M %Z}"


def _length(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} minutes" if minutes != 1 else "1 minute"
    hours = round(minutes / 60)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"


def _one_line(text: str) -> str:
    """Titles become mail headers, where a line break would start another one."""
    return " ".join(text.split())[:200]
