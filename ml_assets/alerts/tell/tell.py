"""From events to messages in the outbox: what is said, to which channels, and from when on.

Which events there are is decided in `incident.py`, the words are in `message.py`, sending is in
`send/deliver.py`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from ml_assets.alerts.incident import Event, Incident
from ml_assets.alerts.message import Context, compose, describe
from ml_assets.alerts.store.impact import LiveRelease, live_releases
from ml_assets.alerts.store.outbox import channels_told, enqueue, hurry, withdraw_unsent
from ml_assets.alerts.tell.quiet import may_be_sent_at
from ml_assets.alerts.tell.routing import channels_for
from ml_assets.books.freshness import clock_shift
from ml_assets.database.connection import ServingConnection
from ml_assets.settings.shop import Settings
from ml_assets.subjects import PUBLISHED

LISTS = next(table for table in PUBLISHED.values() if table.is_personal)
SEGMENTS = next(table for table in PUBLISHED.values() if table.has_segments)
IMPACT = ("data", "features", "model", "predictions", "run", "dagster")


@dataclass(frozen=True)
class Notifier:
    """Writes messages of one evaluation."""

    connection: ServingConnection
    settings: Settings
    incidents: Sequence[Incident]
    """All of them, as they are after the evaluation."""
    now: datetime
    closed_days: frozenset[date]

    def tell(self, event: Event, incident: Incident) -> None:
        """Say what has happened to an incident."""
        number = _number(incident)
        told: list[str] = []
        if event in ("resolved", "worsened"):
            # What waits for the end of the quiet hours is old by now.
            withdraw_unsent(self.connection, number)
            told = channels_told(self.connection, number)
        explained = self._explained(incident)
        wanted = channels_for(incident, event, self.settings.alerts, explained)
        said: Event = "opened" if event == "worsened" and not told else event
        self._enqueue(said, incident, explained, told if event == "resolved" else wanted)

    def look_again(self, incident: Incident) -> None:
        """An incident that was told may come to explain what more people want to hear of, or cannot wait for."""
        explained = self._explained(incident)
        if incident.told_at is None or incident.state == "resolved" or not explained:
            return
        if self.settings.alerts.routes:
            told = channels_told(self.connection, _number(incident))
            wanted = channels_for(incident, "opened", self.settings.alerts, explained)
            self._enqueue("opened", incident, explained, [channel for channel in wanted if channel not in told])
        if self.settings.alerts.quiet_hours and self._moment(incident, explained) <= self.now:
            hurry(self.connection, _number(incident), self.now)

    def _enqueue(self, event: Event, incident: Incident, explained: list[Incident], channels: Collection[str]) -> None:
        if not channels:
            return
        message = compose(incident, event, self._context(incident, explained), self.now)
        moment = self._moment(incident, explained)
        for channel in channels:
            enqueue(
                self.connection,
                message,
                number=incident.messages,
                channel=channel,
                now=self.now,
                not_before=moment,
            )

    def _moment(self, incident: Incident, explained: list[Incident]) -> datetime:
        """From when on a message may be sent."""
        erring = {other.subject for other in explained if other.severity == "error"}
        return may_be_sent_at(
            self.now,
            severity=incident.severity,
            subjects={incident.subject, *erring},
            quiet=self.settings.alerts.quiet_hours,
            zone=self.settings.tz,
            closed_days=self.closed_days,
        )

    def _explained(self, incident: Incident) -> list[Incident]:
        """What is not told for itself because of this incident."""
        return [other for other in self.incidents if other.root == incident.key and other.state != "resolved"]

    def _context(self, incident: Incident, explained: list[Incident]) -> Context:
        return Context(
            shop=self.settings.name,
            zone=self.settings.tz,
            runbook=self.settings.alerts.runbook,
            impact=self._impact(incident),
            last_good=self._last_good(incident),
            affected=tuple(f"{other.subject} {describe(other.cause, other.severity)}" for other in explained),
            note=self._note,
            command=self.settings.alerts.command,
        )

    @cached_property
    def _note(self) -> str | None:
        days = clock_shift(self.connection).days
        return f"A rehearsal: the clock is {days} days ahead because of `ml-assets demo break`." if days else None

    @cached_property
    def _live(self) -> dict[str, LiveRelease]:
        return live_releases(self.connection)

    def _impact(self, incident: Incident) -> str | None:
        if incident.kind not in IMPACT:
            return None
        is_of_segments = incident.subject in (SEGMENTS.name, *SEGMENTS.models)
        release = self._live.get(SEGMENTS.name if is_of_segments else LISTS.name)
        if release is None:
            return "No customer has anything to see yet."
        what = "segments" if is_of_segments else "list"
        return f"{release.keys:,} customers see {release.day:%A}'s {what} ({release.day})."

    def _last_good(self, incident: Incident) -> str | None:
        live = self._live
        release = live.get(incident.subject) or (live.get(LISTS.name) if incident.kind in IMPACT else None)
        if release is None:
            return None
        run = f", run {release.run_id[:8]}" if release.run_id else ""
        local = release.published_at.astimezone(self.settings.tz)
        return f"Last good run: {release.subject} of {release.day}, published {local:%a %d %b %H:%M}{run}."


def _number(incident: Incident) -> int:
    if incident.incident_id is None:
        raise RuntimeError("an incident is told before it was stored")
    return incident.incident_id
