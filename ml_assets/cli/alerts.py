"""`ml-assets alerts list|ack|mute|test`: what is open, and what people do about it."""

import getpass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from ml_assets.alerts.incident import Incident
from ml_assets.alerts.judge.roots import UPSTREAM
from ml_assets.alerts.message import Message, describe
from ml_assets.alerts.send.channels import send
from ml_assets.alerts.store.incidents import acknowledge, list_incidents, mute, muted
from ml_assets.alerts.store.outbox import note_channel, undelivered
from ml_assets.books.freshness import clock_of
from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, print_error, table
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings

app = typer.Typer(help="Incidents and the messages about them.", no_args_is_help=True)


@app.command("list")
def list_(
    days: Annotated[int, typer.Option("--days", min=0, max=3660, help="Show also what is over since so long.")] = 7,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Show open incidents, and those of the last days; exit code 2 when anything is open."""
    settings = load_settings(config)
    with shop_database(settings) as connection:
        now = clock_of(connection)
        found = list_incidents(connection)
        mutes, waiting = muted(connection, now), undelivered(connection)
    opened = [incident for incident in found if incident.state != "resolved"]
    over = [one for one in found if one.resolved_at and one.resolved_at >= now - timedelta(days=days)]
    if emit([*opened, *over], as_json):
        return 2 if opened else 0
    columns = ["no", "severity", "what", "since", "state", "owner"]
    if opened:
        table("Open incidents", columns, [_row(one, settings) for one in _grouped(opened)], right=["no"])
    else:
        OUT.print("Nothing is open.\n")
    if over:
        table(f"Over in the last {days} days", columns, [_row(one, settings) for one in _grouped(over)], right=["no"])
    for (subject, cause), until in sorted(mutes.items()):
        what = subject if cause == "*" else f"{subject} {cause}"
        OUT.print(f"Muted until {until.astimezone(settings.tz):%d %b %Y %H:%M}: {what}")
    if waiting:
        OUT.print(f"{waiting} messages wait to be sent (quiet hours, or a channel that fails).")
    if not settings.alerts.channels:
        OUT.print("No channel is configured; see alerts.channels in docs/settings.md.")
    first = next((one.incident_id for one in opened if one.root is None), None)
    next_commands(
        config,
        *([(f"ml-assets alerts ack {first}", "take it on: no reminders, no escalation")] if first else []),
        ("ml-assets alerts test", "a test message to every channel"),
        ("ml-assets status", "how fresh everything is"),
    )
    return 2 if opened else 0


@app.command()
def ack(
    incident: Annotated[int, typer.Argument(help="Number of the incident, from `ml-assets alerts list`.")],
    by: Annotated[str | None, typer.Option("--by", help="Who takes it on. Default: your login name.")] = None,
    config: ConfigOption = None,
) -> int:
    """Acknowledge an incident: no reminders and no escalation until it is over, or worse."""
    settings = load_settings(config)
    with shop_database(settings) as connection:
        found = acknowledge(connection, incident, by=by or me(), now=clock_of(connection))
    if found is None or found.state == "resolved":
        state = "is over" if found else "does not exist"
        raise UserError(f"Incident {incident} {state}.", "`ml-assets alerts list` shows the open ones.")
    OUT.print(f"{found.acknowledged_by} has taken on: {found.subject} {describe(found.cause, found.severity)}.")
    next_commands(config, ("ml-assets alerts list", "what is open"))
    return 0


@app.command("mute")
def mute_(
    subject: Annotated[str, typer.Argument(help="Subject, from `ml-assets alerts list`.")],
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], metavar="DATE", help="End, in the shop's zone."
        ),
    ] = None,
    hours: Annotated[int | None, typer.Option("--hours", min=0, max=24 * 90, help="Or so long; 0 ends a mute.")] = None,
    cause: Annotated[str, typer.Option("--cause", help="Only this cause, such as stale. Default: every one.")] = "*",
    reason: Annotated[str, typer.Option("--reason", help="Why, for the others.")] = "",
    config: ConfigOption = None,
) -> int:
    """Say nothing about a subject until a date; what is still wrong then is told then."""
    settings = load_settings(config)
    if (until is None) == (hours is None):
        raise UserError("A mute needs one end.", "Give either --until 2026-01-07 or --hours 12.")
    with shop_database(settings) as connection:
        now = clock_of(connection)
        end = until.replace(tzinfo=settings.tz) if until else now + timedelta(hours=hours or 0)
        if until and end <= now:
            raise UserError(f"--until {until:%Y-%m-%d %H:%M} is over.", "Give a later end; --hours 0 ends a mute.")
        known = {*UPSTREAM, "dagster"}
        known |= {one.subject for one in list_incidents(connection)}
        if subject not in known:
            raise UserError(f"There is no subject {subject}.", f"One of: {', '.join(sorted(known))}.")
        mute(connection, subject, cause, until=end, by=me(), reason=reason)
    if end > now:
        OUT.print(f"{subject} is muted until {end.astimezone(settings.tz):%d %b %Y %H:%M %Z}.")
    else:
        OUT.print(f"{subject} is heard again.")
    next_commands(config, ("ml-assets alerts list", "what is open and muted"))
    return 0


@app.command("test")
def send_test(
    channel: Annotated[list[str] | None, typer.Argument(help="Names of channels. Default: all.")] = None,
    config: ConfigOption = None,
) -> int:
    """Send a test message to channels; exit code 2 when one does not take it."""
    settings = load_settings(config)
    known = settings.alerts.channels
    if not known:
        raise UserError("No channel is configured.", "Add alerts.channels to the settings; see docs/alerts.md.")
    if unknown := [name for name in channel or [] if name not in known]:
        raise UserError(f"There is no channel {unknown[0]}.", f"One of: {', '.join(known)}.")
    body = "This is a test of the alerts. Nothing is wrong, nothing is to be done."
    title = "Test message" + (f" (shop {settings.name})" if settings.name else "")
    message = Message(title, body, "resolved", "warning")
    results = {name: send(known[name].url.get_secret_value(), message) for name in channel or known}
    for name, problem in results.items():
        if problem is None:
            OUT.print(f"{name}: taken")
        else:
            print_error(f"{name}: {problem}", "")
    _note(settings, results)
    next_commands(config, ("ml-assets alerts list", "what is open"))
    return 2 if any(results.values()) else 0


def _note(settings: Settings, results: dict[str, str | None]) -> None:
    """A channel that works again ends its incident; where there is no database yet there is none."""
    try:
        with shop_database(settings) as connection:
            for name, problem in results.items():
                note_channel(connection, name, error=problem, now=clock_of(connection))
    except UserError:
        return


def _row(incident: Incident, settings: Settings) -> list[object]:
    """A line of the table; what follows from another incident is named, not explained again."""
    what = f"{incident.subject} {describe(incident.cause, incident.severity)}"
    if incident.root is not None:
        subject, _, cause = incident.root.rpartition("/")
        what, state = f"  {what}", f"because {subject} {describe(cause)}"
    else:
        what, state = f"{what}: {incident.summary}", incident.state
    if incident.acknowledged_by and incident.state != "resolved":
        state = f"taken on by {incident.acknowledged_by}"
    since = f"{incident.opened_at.astimezone(settings.tz):%d %b %H:%M}"
    return [incident.incident_id, incident.severity, what, since, state, incident.owner]


def _grouped(incidents: list[Incident]) -> list[Incident]:
    """Causes, newest first, each before what follows from it."""
    causes = [one for one in incidents if one.root is None]
    known = {one.key for one in causes}
    orphans = [one for one in incidents if one.root is not None and one.root not in known]
    return [
        line for one in causes for line in (one, *(other for other in incidents if other.root == one.key))
    ] + orphans


def me() -> str:
    """Who works at this terminal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"somebody at {datetime.now(UTC):%H:%M}"
