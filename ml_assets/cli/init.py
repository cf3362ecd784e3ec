"""`ml-assets init`: a commented settings file for data that nobody has described yet.

Looking at the data is done in `sources/guess/`; asking, showing and writing belong here.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

import polars as pl
import typer
from rich.markup import escape

from ml_assets.cli import stopping
from ml_assets.cli.console import ERR, OUT, next_commands, print_error, table
from ml_assets.cli.inputs.answers import ask, given, with_missing
from ml_assets.cli.inputs.doubts import doubts_about
from ml_assets.cli.inputs.settings_file import settings_text, this_zone, unused_in_words
from ml_assets.errors import UserError
from ml_assets.events.contract import REASONS, CheckedLines, check_lines
from ml_assets.events.garbage import GUEST
from ml_assets.ids import polars_type
from ml_assets.settings.events import EventSettings
from ml_assets.settings.read.load import CONFIG_FILE, load_settings
from ml_assets.sources.base import with_cost
from ml_assets.sources.guess.columns import Choice
from ml_assets.sources.guess.proposal import Proposal
from ml_assets.sources.guess.propose import propose
from ml_assets.sources.guess.services import MOST, services_among, without
from ml_assets.sources.guess.several import on_calendar
from ml_assets.sources.guess.trial import Trial, try_out
from ml_assets.whole_files import replacing

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
    stopping.leaves("No settings file was written; the same command begins anew.")
    if config.exists() and not force:
        raise UserError(f"{config} is there already.", "Give another --config, or --force to replace it.")
    if timezone is not None and timezone not in available_timezones():
        raise UserError(f"--timezone {timezone} is no IANA time zone.", "Use a name such as Europe/Berlin.")
    found = given(propose(source, lines), column or [], dates)
    if start and found.days_since:
        found = on_calendar(found, start.date())
    asks = not yes and sys.stdin.isatty()
    found = with_missing(found, asks=asks)
    question = "The shop's time zone"
    zone = timezone or (typer.prompt(question, this_zone(), value_proc=_zone) if asks else this_zone())
    found, trial = _tried(found, zone, asks=asks)
    found, trial = _without_services(found, trial, zone)
    checked = _checked(trial, found)
    found = _with_guests(found, checked)
    found = replace(found, doubts=tuple(doubts_about(found, trial, checked)))
    _show(found, trial, checked, zone)
    _say_doubts(found, config, asks=asks)
    text = settings_text(found, zone, folder=config.resolve().parent)
    # Others may have to read it: a container under an account of its own.
    with replacing(config, "Make the folder writable, or give another --config.", mode=0o644, keep_mode=True) as file:
        file.write(text.encode())
    stopping.leaves(f"{config} is written.")
    # What was written can be read, or it is a mistake of this command.
    load_settings(config)
    OUT.print(f"Wrote {config}. Every other key has a default: docs/settings.md.", soft_wrap=True)
    if found.doubts:
        OUT.print("It is likely wrong, as said above: edit it, or give the options with --force.", soft_wrap=True)
    for line in found.advice:
        OUT.print(escape(line), soft_wrap=True)
    named = None if config.name == CONFIG_FILE and config.resolve().parent == Path.cwd() else config
    next_commands(
        named, ("ml-assets doctor", "check the whole way"), ("ml-assets run", "load, train, score and publish")
    )
    return 2 if found.doubts else 0


# Of all lines; fewer are mistakes.
FEWEST_GUESTS = 0.01


def _say_doubts(found: Proposal, config: Path, *, asks: bool) -> None:
    """Say what is likely wrong; raises `UserError` where somebody is there who then wants no file."""
    for doubt in found.doubts:
        print_error(doubt.problem, doubt.next_step)
    if found.doubts and asks and not typer.confirm(f"Write {config} all the same?", default=False):
        raise UserError(f"{config} was not written.", " ".join(doubt.next_step for doubt in found.doubts))


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
        first = ask("Which comes first, day or month?", None)
        found = given(found, [], first)
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
    if found.unused:
        OUT.print(f"Not used: {escape(unused_in_words(found))}.\n", soft_wrap=True)
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
