"""Who is told about what, where, and when."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from ml_assets.settings.durations import Duration, PositiveDuration
from ml_assets.settings.routable import ROUTABLE, refuse_unknown
from ml_assets.settings.section import Section
from ml_assets.subjects import Kind as SubjectKind

Kind = Literal[SubjectKind, "run", "check", "dagster", "database", "channel"]


class Channel(Section):
    """One place where messages go."""

    url: SecretStr = Field(
        description="Apprise URL (slack://, mailto://, pagerduty://, jsons:// ...). ${NAME} stands for the variable "
        "NAME, or the file that NAME_FILE names, read when a message is sent."
    )
    fallback: str | None = Field(default=None, description="Channel that is told when this one fails.")


class Route(Section):
    """Which incidents go to which channels; all conditions given must hold, all routes that match are used."""

    channels: list[str] = Field(min_length=1, description="Names of channels.")
    severity: Literal["warning", "error"] = Field(default="warning", description="At least this severe.")
    owners: list[str] = Field(default=[], description="Only of these owners. Empty: of all.")
    kinds: list[Kind] = Field(default=[], description="Only of these kinds. Empty: of all.")
    subjects: list[str] = Field(default=[], description="Only these subjects (docs/alerts.md lists them). Empty: all.")


class QuietHours(Section):
    """When nobody is disturbed; what is still wrong afterwards is told then."""

    start: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM in the shop's time zone.")
    end: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM, the next day if before start.")
    closed_days: bool = Field(default=False, description="Days without business are quiet as well, all day.")
    escalate_anyway: list[Literal["warning", "error"]] = Field(
        default=[], description="Severities that are told at any hour."
    )
    escalate_subjects: list[str] = Field(default=[], description="Subjects whose errors are told at any hour.")

    @model_validator(mode="after")
    def _some_time(self) -> QuietHours:
        if self.start == self.end:
            raise ValueError("start and end must differ")
        return self


class AlertSettings(Section):
    """Incidents and their messages."""

    enabled: bool = Field(default=True, description="The sensor that evaluates and sends is on where Dagster runs.")
    channels: dict[str, Channel] = Field(default={}, description="Channels by name: {ops: {url: ..., fallback: mail}}.")
    routes: list[Route] = Field(
        default=[], description="Empty: everything to all channels but fallbacks and escalation."
    )
    owners: dict[str, str] = Field(default={}, description="Owner by subject. Others: the first of owners.")
    escalation: list[str] = Field(default=[], description="Channels told when nobody acknowledges an error.")
    escalate_after: PositiveDuration = Field(
        default=timedelta(hours=4), description="Error not acknowledged: escalate once."
    )
    remind_after: PositiveDuration = Field(
        default=timedelta(hours=24), description="Between reminders of what is still open."
    )
    settle: Duration = Field(
        default=timedelta(seconds=30), description="Two good evaluations at least this far apart end an incident."
    )
    consequence_wait: PositiveDuration = Field(
        default=timedelta(hours=2), description="After its cause is gone, a consequence has this long to recover."
    )
    silent_after: PositiveDuration = Field(
        default=timedelta(minutes=15), description="Dagster has not evaluated for so long: it is taken as dead."
    )
    quiet_hours: QuietHours | None = Field(default=None, description="{start: '22:00', end: '07:00'}. Unset: none.")
    runbook: str = Field(default="docs/alerts.md", description="Address of the runbook that messages link to.")
    command: str = Field(
        default="ml-assets",
        min_length=1,
        description="How people who read the messages call the program, e.g. `docker compose exec code ml-assets`.",
    )
    heartbeat_url: SecretStr | None = Field(
        default=None,
        description="`ml-assets watch` fetches this URL after each evaluation, URL/fail (Uptime Kuma: status=down) "
        "after a failed one, so that an outside service notices silence. ${NAME} as in channels.",
    )

    @model_validator(mode="after")
    def _known_channels(self) -> AlertSettings:
        named = [name for route in self.routes for name in route.channels] + self.escalation
        named += [channel.fallback for channel in self.channels.values() if channel.fallback]
        unknown = sorted(set(named) - set(self.channels))
        if unknown:
            raise ValueError(f"channel {unknown[0]} is named but not defined under channels")
        for name in self.channels:
            seen, at = {name}, self.channels[name].fallback
            while at is not None:
                if at in seen:
                    raise ValueError(f"the fallbacks of channel {name} go round in a circle")
                seen.add(at)
                at = self.channels[at].fallback
        return self

    @model_validator(mode="after")
    def _known_subjects(self) -> AlertSettings:
        known = (*ROUTABLE, *(f"channel {name}" for name in self.channels))
        used: dict[str, Collection[str]] = {"owners": self.owners}
        used |= {f"routes.{number}.subjects": route.subjects for number, route in enumerate(self.routes)}
        if self.quiet_hours:
            used["quiet_hours.escalate_subjects"] = self.quiet_hours.escalate_subjects
        for where, names in used.items():
            refuse_unknown(where, names, known, what="subject")
        return self
