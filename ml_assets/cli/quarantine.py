"""`ml-assets quarantine`: the lines that were set aside, by reason and day; as a file; and loaded once more.

Judging lines is in `events/contract.py`; what was set aside lies in the lake.
"""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml_assets.cli import stopping
from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.progress import Progress
from ml_assets.errors import UserError
from ml_assets.lake import Lake
from ml_assets.settings.read.load import load_settings
from ml_assets.whole_files import replacing

if TYPE_CHECKING:
    import polars as pl

    from ml_assets.settings.shop import Settings

ASSET = "quarantined_transactions"
DAYS_SHOWN, EXAMPLES = 14, 5
SHOWN = ["day", "source", "line", "detail", "customer_id", "item_id", "occurred_at", "quantity", "amount"]
app = typer.Typer(help="See, export and load again the lines that were set aside.", no_args_is_help=True)
FirstOption = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="First day. Default: the oldest."),
]
LastOption = Annotated[
    datetime | None,
    typer.Option("--to", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Last day. Default: the newest."),
]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Only lines of this reason.")]


@app.command()
def show(
    first: FirstOption = None,
    last: LastOption = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Count the lines by reason and day, with what each reason means, where to look, and examples."""
    import polars as pl  # noqa: PLC0415 imports slowly

    from ml_assets.events.contract import REASONS  # noqa: PLC0415
    from ml_assets.events.garbage import ORDINARY, SETTINGS  # noqa: PLC0415

    lines = _lines(load_settings(config), first, last, reason)
    counts = lines["reason"].value_counts(sort=True).rows()
    by_day = lines.group_by("day", "reason").len().sort("day", "reason", descending=[True, False])
    facts = {
        "lines": lines.height,
        "reasons": dict(counts),
        "days": [{"day": day, "reason": why, "lines": count} for day, why, count in by_day.iter_rows()],
    }
    if emit(facts, as_json):
        return 0
    if lines.is_empty():
        OUT.print("No line is set aside.")
        return 0
    rows = [
        [why, f"{count:,}", "usual" if why in ORDINARY else SETTINGS.get(why, "the export"), REASONS[why]]
        for why, count in counts
    ]
    table("Set aside", ["reason", "lines", "look at", "meaning"], rows, right=["lines"])
    days = by_day.group_by("day").agg("reason", "len").sort("day", descending=True).head(DAYS_SHOWN)
    cells = [
        [day, f"{sum(numbers):,}", ", ".join(f"{number:,} {why}" for number, why in zip(numbers, whys, strict=True))]
        for day, whys, numbers in days.iter_rows()
    ]
    table(f"The newest {len(cells)} days with such lines", ["day", "lines", "reasons"], cells, right=["lines"])
    for why, _ in [one for one in counts if reason or one[0] not in ORDINARY][:EXAMPLES]:
        examples = lines.filter(reason=why).sort("day", "line", descending=[True, False]).head(EXAMPLES)
        # Of a long path the end tells which file it is; exports and --json have all of it.
        named = examples.with_columns(pl.col("source").str.extract(r"([^/]*/?[^/]*)$"))
        table(f"Examples of {why}", SHOWN, [list(row) for row in named.select(SHOWN).iter_rows()])
    next_commands(
        config,
        ("ml-assets quarantine export -o lines.csv", "give them to whoever exports"),
        ("ml-assets quarantine retry", "load their days again, after the settings or the files were mended"),
    )
    return 0


@app.command()
def export(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A .csv or .parquet file.")],
    first: FirstOption = None,
    last: LastOption = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Write the lines to a file, each with its reason, file and line. The file is in your own care: erase skips it."""
    if output.suffix not in (".csv", ".parquet"):
        raise UserError(f"--output {output} is neither a .csv nor a .parquet file.", "Give it one of these endings.")
    lines = _lines(load_settings(config), first, last, reason)
    with replacing(output, "Give another --output.") as file:
        lines.write_csv(file) if output.suffix == ".csv" else lines.write_parquet(file)
    if not emit({"file": output, "lines": lines.height}, as_json):
        OUT.print(f"Wrote {lines.height:,} lines to {output}.", soft_wrap=True)
    return 0


@app.command()
def retry(
    first: FirstOption = None,
    last: LastOption = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Load the days of the lines again, as the settings and the files are now."""
    settings = load_settings(config)
    before = _lines(settings, first, last, reason)
    days: list[date] = before["day"].unique().sort().to_list()
    if days:
        _load_again(settings, days)
    after = _lines(settings, first, last, reason)
    facts = {"days": days, "before": before.height, "after": after.height}
    if emit(facts, as_json):
        return 0
    if not days:
        OUT.print("No line is set aside; there is nothing to load again.")
        return 0
    OUT.print(f"Loaded {len(days)} days again: {before.height:,} lines were set aside, {after.height:,} are now.")
    next_commands(config, ("ml-assets run", "score the newest day with what was loaded"))
    return 0


def _load_again(settings: "Settings", days: list[date]) -> None:
    with Progress().shown() as report:
        report("starting")
        from ml_assets.dagster.runner import Runner  # noqa: PLC0415 Dagster imports slowly

        runner = Runner(settings, report)
        with runner.working(), stopping.tidying(runner.close_runs):
            failed = runner.load_again(days)
    if failed:
        raise UserError(f"A check failed: {' '.join(failed)}", "`ml-assets ui` shows it.", code="run.failed")


def _lines(settings: "Settings", first: datetime | None, last: datetime | None, reason: str | None) -> "pl.DataFrame":
    """What is set aside of some days; raises `UserError` where there is no such reason, or nothing was loaded yet."""
    import polars as pl  # noqa: PLC0415 imports slowly

    from ml_assets.events.contract import QUARANTINE_COLUMNS, REASONS  # noqa: PLC0415

    if reason is not None and reason not in REASONS:
        raise UserError(f"--reason {reason} is none.", f"Reasons are {', '.join(REASONS)}.")
    lake = Lake.of(settings)
    if not lake.partitions(ASSET):
        raise UserError("No day was loaded yet.", "Run `ml-assets run` first.")
    start, end = (first.date() if first else date.min), (last.date() if last else date.max)
    if start > end:
        raise UserError(f"--from {start} is after --to {end}.", "Swap them.")
    days = lake.days_between(ASSET, start, end)
    if not days:
        raise UserError(f"No day from {start} to {end} was loaded.", "Leave --from and --to away to see all days.")
    lines = lake.scan(ASSET, days).select(QUARANTINE_COLUMNS)
    return (lines.filter(pl.col("reason") == reason) if reason else lines).collect()
