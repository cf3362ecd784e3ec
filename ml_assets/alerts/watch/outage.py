"""The database is down, or cannot be judged: an incident that cannot be kept in the database.

It is kept in a small file at home instead and advanced like any other; its messages take the same routes and
fallbacks, and no quiet hours. Two failed evaluations open it, two good ones end it, each told once.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from ml_assets.alerts.finding import Finding
from ml_assets.alerts.incident import Event, Incident, advance, open_incident
from ml_assets.alerts.message import Context, Message, compose
from ml_assets.alerts.send.channels import SECONDS_TO_SEND, send
from ml_assets.alerts.tell.routing import channels_for, owner_of
from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings
from ml_assets.whole_files import make_private

Cause = Literal["unreachable", "unjudged"]
IMPACT = {
    "unreachable": "No application can read lists or segments.",
    "unjudged": "Applications may still read; nobody is told when something goes stale.",
}
# How long a recovery that no channel takes is tried again.
GIVE_UP = timedelta(hours=3)


@dataclass(frozen=True)
class _Known:
    incident: Incident
    told: tuple[str, ...] = ()
    """Channels that took a message about it, and are told that it is over."""


FILE = TypeAdapter(_Known)


class Outage:
    """What is known about the reachability of the database."""

    def __init__(self, settings: Settings, *, seconds: float = SECONDS_TO_SEND) -> None:
        suffix = f"-{settings.name}" if settings.name else ""
        self._path = settings.home / f"outage{suffix}.json"
        self._settings = settings
        self._rules = settings.alerts.model_copy(update={"settle": timedelta(0)})
        self._seconds = seconds

    def failed(self, error: UserError, now: datetime, *, cause: Cause = "unreachable") -> list[str]:
        """Note a failed evaluation; returns the channels told just now."""
        finding = Finding("database", cause, "database", "error", "watch", error.problem, error.next_step)
        known = self._load()
        if known is None:
            self._save(_Known(open_incident(finding, owner_of("database", self._settings), now)))
            return []
        # Once told, it keeps its cause, so that the recovery names the same.
        before = known.incident if known.told else replace(known.incident, cause=cause)
        after, event = advance(before, finding, now=now, rules=self._rules)
        told = self._tell(after, event, channels_for(after, event, self._settings.alerts), now) if event else []
        if event and not told:
            # Nobody took it; it is told again at the next evaluation.
            after, _ = advance(before, finding, now=now, rules=self._rules, muted=True)
        self._save(_Known(after, tuple(sorted({*known.told, *told}))))
        return told

    def worked(self, now: datetime) -> list[str]:
        """Note that the database answered; returns the channels told that it is back."""
        known = self._load()
        if known is None or not known.told:
            self._path.unlink(missing_ok=True)
            return []
        after, event = advance(known.incident, None, now=now, rules=self._rules)
        if event is None:
            self._save(replace(known, incident=after))
            return []
        told = self._tell(after, event, known.told, now)
        if told or now - (known.incident.good_since or now) >= GIVE_UP:
            self._path.unlink(missing_ok=True)
        return told

    def _tell(self, incident: Incident, event: Event, wanted: Sequence[str], now: datetime) -> list[str]:
        alerts = self._settings.alerts
        impact = None if event == "resolved" else IMPACT[incident.cause]
        context = Context(self._settings.name, self._settings.tz, alerts.runbook, impact=impact, command=alerts.command)
        message = compose(incident, event, context, now)
        told = [self._send(name, message) for name in wanted if name in alerts.channels]
        return sorted({name for name in told if name is not None})

    def _send(self, name: str, message: Message) -> str | None:
        """The channel that took the message: this one, else the first of its fallbacks that does."""
        channel = self._settings.alerts.channels[name]
        if send(channel.url.get_secret_value(), message, seconds=self._seconds) is None:
            return name
        return self._send(channel.fallback, message) if channel.fallback else None

    def _load(self) -> _Known | None:
        with suppress(OSError, ValidationError):
            return FILE.validate_json(self._path.read_bytes())
        return None

    def _save(self, known: _Known) -> None:
        try:
            make_private(self._path.parent)
            temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_bytes(FILE.dump_json(known))
            temporary.replace(self._path)
        except OSError as error:
            raise UserError(
                f"The home folder {self._path.parent} cannot be written: {error.strerror}.",
                "Make it writable, or set ML_ASSETS_HOME to another folder; outages are remembered there.",
            ) from error
