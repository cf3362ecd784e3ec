"""The database is down, or cannot be judged: an incident that cannot be kept in the database.

Its state is a small file at home; its messages take the same routes and fallbacks, and no quiet hours. Two failed
evaluations open it, two good ones end it, each told once; in between it is escalated and reminded of like others.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from ml_assets.alerts.finding import Finding
from ml_assets.alerts.incident import Event, Incident, open_incident
from ml_assets.alerts.message import Context, Message, compose
from ml_assets.alerts.send.channels import SECONDS_TO_SEND, send
from ml_assets.alerts.tell.routing import channels_for, owner_of
from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings

NEEDED = 2
Cause = Literal["unreachable", "unjudged"]
IMPACT: dict[Cause, str] = {
    "unreachable": "No application can read lists or segments.",
    "unjudged": "Applications may still read; nobody is told when something goes stale.",
}


@dataclass
class _State:
    since: str | None = None
    bad: int = 0
    good: int = 0
    summary: str = ""
    next_step: str = ""
    told: list[str] = field(default_factory=list)
    cause: Cause = "unreachable"
    told_at: str | None = None
    escalated: bool = False


class Outage:
    """What is known about the reachability of the database."""

    def __init__(self, settings: Settings, *, seconds: float = SECONDS_TO_SEND) -> None:
        suffix = f"-{settings.name}" if settings.name else ""
        self._path = settings.home / f"outage{suffix}.json"
        self._settings = settings
        self._seconds = seconds

    def failed(self, error: UserError, now: datetime, *, cause: Cause = "unreachable") -> list[str]:
        """Note a failed evaluation; returns the channels told just now."""
        state = self._load()
        state.since = state.since or now.isoformat()
        state.bad, state.good = state.bad + 1, 0
        state.summary, state.next_step = error.problem, error.next_step
        # As it was told, so that the recovery names the same.
        state.cause = state.cause if state.told else cause
        event = self._event(state, now)
        told = self._tell(state, event, now) if event else []
        if told:
            state.told = sorted({*state.told, *told})
            state.told_at, state.escalated = now.isoformat(), state.escalated or event == "escalated"
        self._save(state)
        return told

    def _event(self, state: _State, now: datetime) -> Event | None:
        """What people are told of a failed evaluation."""
        if state.bad < NEEDED:
            return None
        if not state.told or state.told_at is None:
            return "opened"
        alerts, known_for = self._settings.alerts, now - datetime.fromisoformat(state.told_at)
        if alerts.escalation and not state.escalated and known_for >= alerts.escalate_after:
            return "escalated"
        return "reminded" if known_for >= alerts.remind_after else None

    def worked(self, now: datetime) -> list[str]:
        """Note that the database answered; returns the channels told that it is back."""
        if not self._path.is_file():
            return []
        state = self._load()
        state.good += 1
        if state.good < NEEDED and state.told:
            self._save(state)
            return []
        told = self._tell(state, "resolved", now) if state.told else []
        if state.told and not told and state.good < 100 * NEEDED:
            # Nobody took it; it is tried again at the next evaluation.
            self._save(state)
            return []
        self._path.unlink(missing_ok=True)
        return told

    def _tell(self, state: _State, event: Event, now: datetime) -> list[str]:
        incident = self._incident(state, now)
        alerts = self._settings.alerts
        impact = None if event == "resolved" else IMPACT[state.cause]
        context = Context(self._settings.name, self._settings.tz, alerts.runbook, impact=impact, command=alerts.command)
        message = compose(incident, event, context, now)
        wanted = state.told if event == "resolved" else channels_for(incident, event, alerts)
        told = [self._send(name, message) for name in wanted if name in alerts.channels]
        return sorted({name for name in told if name is not None})

    def _send(self, name: str, message: Message) -> str | None:
        """The channel that took the message: this one, else the first of its fallbacks that does."""
        channel = self._settings.alerts.channels[name]
        if send(channel.url.get_secret_value(), message, seconds=self._seconds) is None:
            return name
        return self._send(channel.fallback, message) if channel.fallback else None

    def _incident(self, state: _State, now: datetime) -> Incident:
        finding = Finding("database", state.cause, "database", "error", "watch", state.summary, state.next_step)
        since = datetime.fromisoformat(state.since) if state.since else now
        return open_incident(finding, owner_of("database", self._settings), since)

    def _load(self) -> _State:
        with suppress(OSError, json.JSONDecodeError, TypeError):
            return _State(**json.loads(self._path.read_text(encoding="utf-8")))
        return _State()

    def _save(self, state: _State) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(json.dumps(asdict(state)), encoding="utf-8")
            Path(temporary).replace(self._path)
        except OSError as error:
            raise UserError(
                f"The home folder {self._path.parent} cannot be written: {error.strerror}.",
                "Make it writable, or set ML_ASSETS_HOME to another folder; outages are remembered there.",
            ) from error
