"""`ml-assets init`: a commented settings file for data that nobody has described yet.

Looking at the data is done in `sources/guess/`; asking, showing and writing belong here.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

import polars as pl
import typer
from rich.markup import escape

from ml_assets.cli.console import ERR, OUT, next_commands, table
from ml_assets.cli.inputs.settings_file import settings_text, this_zone
from ml_assets.errors import UserError
from ml_assets.events.contract import REASONS, CheckedLines, check_lines
from ml_assets.events.garbage import GUEST
from ml_assets.settings.columns import EventColumns
from ml_assets.settings.events import EventSettings
from ml_assets.settings.read.load import CONFIG_FILE, load_settings
from ml_assets.sources.base import polars_type, with_cost
from ml_assets.sources.guess.absent import with_nothing
from ml_assets.sources.guess.columns import NOTHING, Choice
from ml_assets.sources.guess.lacking import complaint
from ml_assets.sources.guess.proposal import Proposal
from ml_assets.sources.guess.propose import propose
from ml_assets.sources.guess.services import MOST, services_among, without
from ml_assets.sources.guess.several import on_calendar
from ml_assets.sources.guess.trial import Trial, try_out
from ml_assets.whole_files import replacing

ASKED = "as you say"
STYLES = {"day": "31.12.2026", "month": "12/31/2026"}
SHOWN = 5


def init(
    source: Annotated[
        str,
        typer.Option(
            "--from", metavar="PATH|URL", help="A file, folder, glob or URL with orders, or a PostgreSQL's address."
        ),
    ],
    config: Annotated[Path, typer.Option("--config", help="Settings file to write.")] = Path(CONFIG_FILE),
    timezone: Annotated[str | None, typer.Option("--timezone", metavar="ZONE", help="Such as Europe/Berlin.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="FIELD=COLUMN", help="What holds a field: a column, or SQL over columns."),
    ] = None,
    dates: Annotated[str | None, typer.Option("--dates", metavar="day|month", help="Which comes first.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing, take what was found.")] = False,
    start: Annotated[
        datetime | None,
        typer.Option(
            "--start",
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="Day of every customer's first order, where orders have no date but days since the one before.",
        ),
    ] = None,
    lines: Annotated[
        str | None,
        typer.Option("--table", metavar="TABLE|QUERY", help="Of a PostgreSQL: what has the lines, a query in SQL too."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a settings file that is there.")] = False,
) -> int:
    """Look at your orders and write the settings that read them, with the reason for each.

    What cannot be known is asked, or given as --column, --timezone and --dates. Nothing is loaded yet.
    """
    if config.exists() and not force:
        raise UserError(f"{config} is there already.", "Give another --config, or --force to replace it.")
    if timezone is not None and timezone not in available_timezones():
        raise UserError(f"--timezone {timezone} is no IANA time zone.", "Use a name such as Europe/Berlin.")
    found = _given(propose(source, lines), column or [], dates)
    if start and found.days_since:
        found = on_calendar(found, start.date())
    asks = not yes and sys.stdin.isatty()
    found = _with_missing(found, asks=asks)
    question = "The shop's time zone"
    zone = timezone or (typer.prompt(question, this_zone(), value_proc=_zone) if asks else this_zone())
    found, trial = _tried(found, zone, asks=asks)
    found, trial = _without_services(found, trial, zone)
    checked = _checked(trial, found)
    found = _with_guests(found, checked)
    _show(found, trial, checked, zone)
    text = settings_text(found, zone, folder=config.resolve().parent)
    # Others may have to read it: a container under an account of its own.
    with replacing(config, "Make the folder writable, or give another --config.", mode=0o644, keep_mode=True) as file:
        file.write(text.encode())
    # What was written can be read, or it is a mistake of this command.
    load_settings(config)
    OUT.print(f"Wrote {config}. Every other key has a default: docs/settings.md.", soft_wrap=True)
    for line in found.advice:
        OUT.print(escape(line), soft_wrap=True)
    named = None if config.name == CONFIG_FILE and config.resolve().parent == Path.cwd() else config
    next_commands(
        named, ("ml-assets doctor", "check the whole way"), ("ml-assets run", "load, train, score and publish")
    )
    return 0


# Of all lines; fewer are mistakes.
FEWEST_GUESTS = 0.01


def _given(found: Proposal, columns: list[str], dates: str | None) -> Proposal:
    """With what the command line says."""
    chosen = dict(found.columns)
    for text in columns:
        field, sign, value = text.partition("=")
        if not sign or field not in EventColumns.model_fields:
            fields = ", ".join(EventColumns.model_fields)
            raise UserError(f"--column {text} names no field.", f"Write FIELD=COLUMN; fields are {fields}.")
        if value.strip().lower() in ("", NOTHING) and field in ("customer", "item"):
            found = with_nothing(found, field, ASKED)
            chosen[field] = found.columns[field]
        else:
            chosen[field] = Choice(value, ASKED)
    source = dict(found.source)
    if dates is not None:
        if dates not in STYLES:
            raise UserError(f"--dates {dates} is neither day nor month.", "Say which comes first: day or month.")
        source["dates"] = Choice(STYLES[dates], ASKED)
    return replace(found, columns=chosen, source=source)


def _with_missing(found: Proposal, *, asks: bool) -> Proposal:
    if not found.missing:
        return found
    if not asks:
        raise complaint(found)
    ERR.print(escape(complaint(found).problem), soft_wrap=True)
    columns = dict(found.columns)
    for field in found.missing:
        if field == "time" and found.days_since:
            question = "Day of every customer's first order, as 2024-01-01"
            found = on_calendar(found, typer.prompt(question, value_proc=_day))
            columns["time"] = found.columns["time"]
        else:
            more = " (null: none)" if field in ("customer", "item") else ""
            text = _ask(f"Which column, or SQL over columns, is the {field}?{more}", None)
            found = with_nothing(found, field, ASKED) if more and text.lower() == NOTHING else found
            columns[field] = Choice(text, ASKED)
    return replace(found, columns=columns)


def _tried(found: Proposal, zone: str, *, asks: bool) -> tuple[Proposal, Trial]:
    """The proposal with the order of day and month where it has to be asked, and what it reads."""
    today = datetime.now().astimezone().date()
    try:
        return found, try_out(found.settings(), zone, today)
    except UserError as error:
        if "source.dates" not in error.next_step:
            raise
        if not asks:
            raise UserError(error.problem, "Say which comes first with --dates day or --dates month.") from None
        ERR.print(escape(error.problem), soft_wrap=True)
        first = _ask("Which comes first, day or month?", None)
        found = _given(found, [], first)
        return found, try_out(found.settings(), zone, today)


def _without_services(found: Proposal, trial: Trial, zone: str) -> tuple[Proposal, Trial]:
    """Without postage and fees, where the item is a column of the lines."""
    item, services = found.columns["item"].text, services_among(trial.items)
    # PostgreSQL knows names with capitals in quotes alone.
    is_plain = found.kind != "postgres" or item == item.lower()
    if not services or len(services) > MOST or item not in found.have or not is_plain:
        return found, trial
    before = found.source["where"].text if "where" in found.source else None
    names = trial.items.filter(pl.col("item_id").cast(pl.String).is_in(services))["item_name"].unique().sort()
    why = f"no goods by their names, nobody wants them recommended: {', '.join(names)}"
    found = replace(found, source={**found.source, "where": Choice(without(before, item, services), why)})
    return found, try_out(found.settings(), zone, datetime.now().astimezone().date())


def _ask(question: str, default: str | None) -> str:
    return str(typer.prompt(question, default=default))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text} is no day such as 2024-01-01.") from None


def _zone(text: str) -> str:
    if text not in available_timezones():
        raise typer.BadParameter(f"{text} is no IANA time zone such as Europe/Berlin.")
    return text


def _checked(trial: Trial, found: Proposal) -> CheckedLines:
    rules = EventSettings(**{name: _plain(choice.text) for name, choice in found.rules.items()})
    return check_lines(trial.lines, rules, pl.Series(dtype=polars_type("text")))


def _with_guests(found: Proposal, checked: CheckedLines) -> Proposal:
    """With what becomes of lines without a customer, where there are some."""
    share = checked.quarantined.filter(reason=GUEST).height / max(checked.read, 1)
    if share < FEWEST_GUESTS:
        return found
    why = f"{share:.0%} of the lines have no customer; with one_off they teach similar and popular items"
    return replace(found, rules={**found.rules, "guests": Choice("left_out", why)})


def _plain(text: str) -> Any:
    from ruamel.yaml import YAML  # noqa: PLC0415 only here

    return YAML(typ="safe").load(text)


def _show(found: Proposal, trial: Trial, checked: CheckedLines, zone: str) -> None:
    what = (
        f"This looks like {found.shape}. {found.note}"
        if found.shape
        else "No known system's export; by names and values."
    )
    covered = f"events from {trial.first} to {trial.last}"
    OUT.print(f"{escape(found.looked_at)}; {covered}.\n{escape(what)}\n", soft_wrap=True)
    chosen: Mapping[str, Choice] = {**found.ordered, **found.source, **found.rules}
    rows = [(field, choice.text, choice.why) for field, choice in chosen.items()]
    rows += [(name, str(value), why) for name, (value, why) in found.structured.items()]
    if found.left_alone:
        OUT.print(f"Left alone: {escape(', '.join(found.left_alone))}.\n", soft_wrap=True)
    table("What means what", ["field", "column or SQL", "why"], rows)
    first = checked.valid.head(SHOWN).select(
        "customer_id",
        "item_id",
        pl.col("occurred_at").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M:%S"),
        pl.col(with_cost(("quantity", "amount"), checked.valid)).round(2),
        "order_id",
    )
    table(f"As ml_assets reads it (times in {zone})", first.columns, [list(row) for row in first.iter_rows()])
    days = (trial.lines["source_day"].n_unique() if trial.lines.height else 0) or 0
    share = checked.valid.height / max(checked.read, 1)
    OUT.print(
        f"{checked.valid.height:,} of {checked.read:,} lines of the newest {days} day{'s' * (days != 1)} fit "
        f"({share:.1%})."
    )
    for reason, count in checked.quarantined["reason"].value_counts(sort=True).iter_rows():
        OUT.print(f"  {count:,} {reason}: {REASONS[reason]}", soft_wrap=True)
    OUT.print()
