"""`ml-assets run`: compute and publish days.

What must run is decided by `dagster/runner.py`.
"""

import logging
from datetime import date, datetime, timedelta
from typing import Annotated

import typer

from ml_assets.cli import stopping
from ml_assets.cli.console import ERR, OUT, ConfigOption, Progress, next_commands
from ml_assets.contract.migrate import accept_source as adopt
from ml_assets.database.connection import connect
from ml_assets.database.names import Schemas
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings
from ml_assets.sources.build import build_source
from ml_assets.sources.memory import SourceMemory


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
    config: ConfigOption = None,
) -> int:
    """Load, compute and publish one day or a range of days.

    Missing history is loaded and missing models are trained first. Running a day again replaces its results.
    """
    settings = load_settings(config)
    days = _days(day, first, last)
    if accept_source:
        take_source(settings)
    done, failed = run_days(settings, days, override=override)
    days_done = f"{done[0]}" if len(done) == 1 else f"{len(done)} days, {done[0]} to {done[-1]}"
    OUT.print(f"Ran {days_done}; see below for what is not published." if failed else f"Published {days_done}.")
    for line in failed:
        ERR.print(f"[red]Check failed:[/red] {line}")
    look = f"SELECT * FROM {Schemas(settings.name).ml}.recommendations LIMIT 20"  # noqa: S608 shown, not run
    blocked = ("ml-assets releases", "what is blocked, and why; the live releases stay")
    next_commands(
        config,
        *([blocked] if failed else []),
        ("ml-assets status", "how fresh everything is"),
        (f"ml-assets psql -c '{look}'", "read the lists"),
        ("ml-assets ui", "see the assets in Dagster"),
    )
    return 2 if failed else 0


def run_days(
    settings: Settings, days: list[date | None], *, only_missing: bool = False, override: str | None = None
) -> tuple[list[date], list[str]]:
    """Run days (None: the newest) and return them with the checks that failed.

    With `only_missing` a day that is already computed is not computed again.
    """
    with Progress().shown() as report:
        report("starting")
        # What Dagster and its storage log while they retry; faults reach the reader as one message.
        logging.getLogger().setLevel(logging.CRITICAL)
        # Dagster takes a second to import; `--help` and wrong dates should not wait for it.
        from ml_assets.dagster.runner import Runner  # noqa: PLC0415

        runner = Runner(settings, report, override=override)
        wanted = runner.days_to_run(days)
        failed: list[str] = []
        if not only_missing or not all(map(runner.is_published, wanted)):
            with runner.working(), stopping.tidying(runner.close_runs):
                # Asked again: another command may have done it while this one waited.
                for day in wanted:
                    if not (only_missing and runner.is_published(day)):
                        failed += runner.run_day(day)
        report("done")
    return wanted, failed


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
