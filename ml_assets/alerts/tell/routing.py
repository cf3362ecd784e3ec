"""Which channels hear of an incident."""

from collections.abc import Collection

from ml_assets.alerts.finding import RANK, Severity
from ml_assets.alerts.incident import Event, Incident
from ml_assets.settings.alerts import AlertSettings, Route
from ml_assets.settings.shop import Settings


def owner_of(subject: str, settings: Settings) -> str:
    """Who should mend it."""
    default = settings.owners[0] if settings.owners else "nobody"
    return settings.alerts.owners.get(subject, default)


def channels_for(
    incident: Incident, event: Event, settings: AlertSettings, explained: Collection[Incident] = ()
) -> list[str]:
    """Names of channels, each once, in the order of the settings; a channel never reports its own failure.

    Who wants to hear of something also hears of what explains it: `explained` are incidents that are not told for
    themselves because of this one.
    """
    if event == "escalated":
        return [name for name in settings.channels if name in settings.escalation]
    fallbacks = {channel.fallback for channel in settings.channels.values()}
    if settings.routes:
        chosen = {name for route in settings.routes if _wants(route, (incident, *explained)) for name in route.channels}
    else:
        chosen = set(settings.channels) - fallbacks - set(settings.escalation)
    if incident.kind == "channel":
        chosen = {_not(incident.subject.removeprefix("channel "), name, settings) for name in chosen} - {""}
    return [name for name in settings.channels if name in chosen]


def _not(broken: str, name: str, settings: AlertSettings) -> str:
    """The channel, or where it is the broken one, its fallback."""
    return name if name != broken else settings.channels[name].fallback or ""


def _wants(route: Route, incidents: Collection[Incident]) -> bool:
    return any(_matches(route, incident) for incident in incidents)


def _matches(route: Route, incident: Incident) -> bool:
    severe: Severity = route.severity
    return (
        RANK[incident.severity] >= RANK[severe]
        and _in(route.owners, incident.owner)
        and _in(route.kinds, incident.kind)
        and _in(route.subjects, incident.subject)
    )


def _in(wanted: Collection[str], value: str) -> bool:
    return not wanted or value in wanted
