"""`ml-assets evaluate`: how good the lists would have been, trained on events before a day.

Metrics and protocol are in `ml_assets.models.evaluation`.
"""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from ml_assets.cli.console import OUT, ConfigOption, JsonOption, Progress, next_commands, table
from ml_assets.config import load_settings
from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings


def evaluate(
    cutoff: Annotated[
        datetime,
        typer.Option(
            "--cutoff", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Train on events before this day only."
        ),
    ],
    horizon: Annotated[
        list[int] | None, typer.Option("--horizon", min=1, max=365, metavar="DAYS...", help="Days to judge: 7 30.")
    ] = None,
    more_horizons: Annotated[list[int] | None, typer.Argument(hidden=True, min=1, max=365)] = None,
    as_json: JsonOption = False,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Parquet file for the lists: customer_id, item_id, placement, rank."),
    ] = None,
    config: ConfigOption = None,
) -> int:
    """Train on events before a day and judge the lists by what customers bought afterwards.

    Full catalogue, no sampled negatives, beside the best sellers of the last weeks. Nothing is published.
    """
    settings = load_settings(config)
    horizons = sorted({*(horizon or []), *(more_horizons or [])}) or settings.recommender.evaluation_days
    if export and (export.is_dir() or not export.absolute().parent.is_dir()):
        raise UserError(f"--export {export} is no file in an existing folder.", "Name a Parquet file to write.")
    with Progress().shown() as report:
        report("loading events")
        transactions, items = events_around(settings, cutoff.date(), max(horizons))
        from ml_assets.models.evaluation.evaluate import evaluate as judge  # noqa: PLC0415 numba imports slowly

        report(f"training on events before {cutoff.date()}, judging {', '.join(map(str, horizons))} days")
        result = judge(transactions, items, cutoff=cutoff.date(), horizons=horizons, settings=settings)
    if export:
        result.lists.write_parquet(export)
    if as_json:
        typer.echo(result.to_json())
        return 0
    show_evaluation(result.table, f"Trained before {cutoff.date()}, K = 10")
    if export:
        OUT.print(f"Wrote {result.lists.height:,} list entries to {export}.")
    days = " ".join(map(str, horizons))
    next_commands(
        config,
        (f"ml-assets evaluate --cutoff {cutoff.date()} --horizon {days} --json", "the same for machines"),
        ("ml-assets run", "publish the newest day"),
    )
    return 0


def events_around(settings: Settings, cutoff: date, horizon: int) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Events of the look-back before the cut-off and of the horizon after it, and the catalogue.

    From the lake where it holds all of these days, otherwise from the source through the same event contract.
    """
    from ml_assets.events.load import load_days, missing_ranges  # noqa: PLC0415
    from ml_assets.lake import Lake  # noqa: PLC0415
    from ml_assets.sources.build import build_source  # noqa: PLC0415

    source, lake = build_source(settings), Lake.of(settings)
    covered = source.days()
    start = settings.start_date or source.first_day()
    first = max(start, cutoff - timedelta(days=settings.lookback_days))
    last = cutoff + timedelta(days=horizon - 1)
    if not start < cutoff <= covered.last:
        raise UserError(
            f"--cutoff {cutoff} is outside the data, which covers {start} to {covered.last}.",
            "Choose a day with events before and after it.",
        )
    if last > covered.last:
        raise UserError(
            f"--horizon {horizon} ends on {last}, but the data ends on {covered.last}.",
            f"Use at most {(covered.last - cutoff).days + 1} days, or an earlier --cutoff.",
        )
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    present = lake.days_between("transactions", first, last)
    if lake.exists("items") and not missing_ranges(days, {date.fromisoformat(day) for day in present}):
        return lake.scan("transactions", present), lake.read("items")
    loaded = load_days(source, days, settings.events)
    return pl.concat(lines.valid for lines in loaded.values()).lazy(), source.read_items()


def show_evaluation(metrics: pl.DataFrame, title: str) -> None:
    """Print an evaluation table; columns that it does not have are left out."""
    headings = {
        "placement": "placement",
        "horizon": "days",
        "method": "method",
        "recall": "Recall@10",
        "ndcg": "NDCG@10",
        "hit_rate": "hit rate",
        "coverage": "coverage",
        "items_shown": "items shown",
        "customers": "customers",
    }
    columns = [name for name in headings if name in metrics.columns]
    rows = [[_cell(row[name]) for name in columns] for row in metrics.iter_rows(named=True)]
    shown = [headings[name] for name in columns]
    table(title, shown, rows, right=[heading for heading in shown if heading not in ("placement", "method")])


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
