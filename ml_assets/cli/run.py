"""`ml-assets run`: compute and publish days.

What must run is decided by `dagster/runner.py`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ml_assets.cli import stopping
from ml_assets.cli.console import ERR, OUT, ConfigOption, JsonOption, emit, next_commands
from ml_assets.cli.progress import Progress
from ml_assets.cli.readers import exceptions, headline
from ml_assets.contract.migrate import accept_source as adopt
from ml_assets.database.connection import connect
from ml_assets.database.names import Schemas
from ml_assets.errors import UserError
from ml_assets.releases.catalog import Shown
from ml_assets.settings.made import WITHOUT_AMOUNTS, has_amounts
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source
from ml_assets.sources.memory import SourceMemory

if TYPE_CHECKING:
    from ml_assets.dagster.catch_up import Noticed


def run(
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Day to run. Default: the newest."),
    ] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="First day of a range."),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Last day of a range.")
    ] = None,
    accept_source: Annotated[
        bool, typer.Option("--accept-source", help="The files moved: this is still the same shop.")
    ] = False,
    override: Annotated[
        str | None, typer.Option("--override", metavar="REASON", help="Publish even what a gate refuses; why.")
    ] = None,
    rebuild_lake: Annotated[
        bool, typer.Option("--rebuild-lake", help="The lake is lost: load everything again from the source.")
    ] = False,
    since_last: Annotated[
        bool,
        typer.Option("--since-last", help="No day: new lists now for those who bought something since the last ones."),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Load, compute and publish one day or a range of days.

    Missing history is loaded and missing models are trained first; days that came late or were corrected are loaded and
    what depends on them is built again. Running a day again replaces its results.
    """
    settings = load_settings(config)
    if since_last:
        if any((day, first, last, override, rebuild_lake)):
            raise UserError(
                "--since-last runs no day, so it excludes --date, --from, --to, --override and --rebuild-lake.",
                "Give it alone, or run the day.",
            )
        if accept_source:
            take_source(settings)
        return run_since_last(settings, config, as_json=as_json)
    days = _days(day, first, last)
    if accept_source:
        take_source(settings)
    ran = run_days(settings, days, override=override, rebuild_lake=rebuild_lake)
    if not emit(ran.facts(), as_json):
        _tell(settings, ran, config)
    return 2 if ran.failed or ran.overdue else 0


OF_THE_PAST = 60
"""So many days without anything are hardly a feed that is late."""


@dataclass(frozen=True)
class Ran:
    """What became of the days of a command."""

    days: list[date]
    shown: list[Shown]
    """What readers see, beside the releases of the newest of the days."""
    failed: list[str]
    noticed: list[Noticed]
    """Days beside those asked for that came late, were corrected or were lost."""
    overdue: list[date]
    """Days newer than those that should have come; only where no day was asked for."""

    def facts(self) -> dict[str, object]:
        """For scripts."""
        return {
            "days": self.days,
            "readers_see": self.shown,
            "failed": self.failed,
            "restated": [one.facts() for one in self.noticed],
            "missing": self.overdue,
        }


def _tell(settings: Settings, ran: Ran, config: Path | None) -> None:
    OUT.print(headline(ran.days, ran.shown))
    for line in exceptions(ran.days[-1], ran.shown):
        OUT.print(f"  {escape(line)}", soft_wrap=True)
    if "segment_assignments" in settings.subjects and not has_amounts(settings):
        OUT.print(WITHOUT_AMOUNTS, soft_wrap=True)
    for line in ran.failed:
        ERR.print(f"[red]Failed:[/red] {escape(line)}", soft_wrap=True)
    if ran.overdue:
        first, last = ran.overdue[0], ran.overdue[-1]
        days = f"{first}" if first == last else f"{len(ran.overdue)} days, {first} to {last}"
        ERR.print(f"[red]Missing:[/red] {days}: the source has no events after {ran.days[-1]}.", soft_wrap=True)
        is_past = len(ran.overdue) > OF_THE_PAST
        past = "An export of the past is as old as `status` says, and whole. Of a feed: look" if is_past else "Look"
        ERR.print(
            f"[yellow]Next:[/yellow]  {past} at the feed, and run again when it has come. Days on which the shop is "
            "closed belong into `calendar`; where days without sales are usual, set events.allow_empty_days: true.",
            soft_wrap=True,
        )
    view = next(iter(settings.published))
    look = f"SELECT * FROM {Schemas(settings.name).ml}.{view} LIMIT 20"  # noqa: S608 shown, not run
    is_hidden = any(one.state != "live" for one in ran.shown)
    next_commands(
        config,
        *([("ml-assets releases", "what is live, pinned and blocked, and why")] if is_hidden or ran.failed else []),
        ("ml-assets status", "how fresh everything is"),
        (f"ml-assets psql -c '{look}'", "read the lists" if view != "segment_assignments" else "read the segments"),
        ("ml-assets ui", "see the assets in Dagster"),
    )


def run_days(
    settings: Settings,
    days: list[date | None],
    *,
    only_missing: bool = False,
    override: str | None = None,
    rebuild_lake: bool = False,
) -> Ran:
    """Run days (None: the newest).

    With `only_missing` a day that is already computed is not computed again.
    """
    with Progress().shown() as report:
        report("starting")
        quiet_libraries()
        # Dagster takes a second to import; `--help` and wrong dates should not wait for it.
        from ml_assets.dagster.runner import Runner  # noqa: PLC0415

        runner = Runner(settings, report, override=override, rebuild_lake=rebuild_lake)
        wanted = runner.days_to_run(days)
        overdue = [] if None not in days else runner.overdue_after(wanted[-1])
        failed, noticed = list[str](), list["Noticed"]()
        if not only_missing or not all(map(runner.is_published, wanted)):
            with runner.working(), stopping.tidying(runner.close_runs):
                # Asked again: another command may have done it while this one waited.
                missing = [day for day in wanted if not (only_missing and runner.is_published(day))]
                if missing:
                    failed, noticed = runner.run(missing)
        report("done")
        return Ran(wanted, runner.shown(wanted[-1]), failed, noticed, overdue)


def run_since_last(settings: Settings, config: Path | None, *, as_json: bool) -> int:
    """Make lists anew inside the day, and tell; 2 where they were refused."""
    began = perf_counter()
    with Progress().shown() as report:
        report("starting")
        quiet_libraries()
        from ml_assets.dagster.runner import Runner  # noqa: PLC0415 Dagster takes a second to import

        runner = Runner(settings, report)
        with runner.alone():
            done = runner.since_last()
        report("done")
    if emit({name: value for name, value in vars(done).items() if name != "facts"} | {**done.facts}, as_json):
        return 2 if done.state == "refused" else 0
    if done.state == "refused":
        ERR.print(f"[red]Refused:[/red] {escape(done.words)}", soft_wrap=True)
    else:
        took = f" ({perf_counter() - began:.1f} s)" if done.state == "shown" else ""
        OUT.print(f"{escape(done.words)}{took}", soft_wrap=True)
    look = f"SELECT * FROM {Schemas(settings.name).ml}.rescorings"  # noqa: S608 shown, not run
    next_commands(
        config,
        (f"ml-assets psql -c '{look}'", "when lists were made anew, and how many"),
        *(
            [('ml-assets rollback recommendations --rescored --reason "..."', "show those of the night again")]
            if done.state == "shown"
            else []
        ),
    )
    return 2 if done.state == "refused" else 0


def quiet_libraries() -> None:
    """Print nothing that Dagster and its storage log while they retry; faults reach the reader as one message."""
    logging.getLogger().setLevel(logging.CRITICAL)


def take_source(settings: Settings) -> None:
    """Note, at home and in the database, that the source of the settings is the shop's own."""
    SourceMemory(settings).remember(source=None)
    source = build_source(settings)
    with connect(settings) as connection:
        adopt(connection, source.identity)


def _days(day: datetime | None, first: datetime | None, last: datetime | None) -> list[date | None]:
    if day and (first or last):
        raise UserError("--date and --from/--to exclude each other.", "Give one day, or a range.")
    if not first and not last:
        return [day.date() if day else None]
    if not first or not last:
        raise UserError("A range needs both --from and --to.", "Give both days; the range includes them.")
    if first > last:
        raise UserError(f"--from {first.date()} is after --to {last.date()}.", "Swap them.")
    return [first.date() + timedelta(days=number) for number in range((last - first).days + 1)]
