"""`ml-assets evaluate`: how good the lists would have been, chosen and trained on events before a day.

Metrics and protocol are in `ml_assets.models.metrics` and `ml_assets.models.evaluate`.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.inputs.champions import champion_recipes
from ml_assets.cli.inputs.made import require_made
from ml_assets.cli.inputs.past_events import events_around
from ml_assets.cli.progress import Progress
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings
from ml_assets.whole_files import replacing

HEADINGS = {
    "placement": "placement",
    "horizon": "days",
    "method": "method",
    "role": "role",
    "ndcg": "NDCG@10",
    "interval": "95 % interval",
    "recall": "Recall@10",
    "hit_rate": "hit rate",
    "items_shown": "items",
    "novelty": "novelty",
    "repeat_share": "repeats",
}
WORDS = ("placement", "method", "role")
CutoffOption = Annotated[
    datetime,
    typer.Option(
        "--cutoff",
        formats=["%Y-%m-%d"],
        metavar="YYYY-MM-DD",
        help="Choose, tune and train on events before this day only.",
    ),
]
HorizonOption = Annotated[
    list[int] | None, typer.Option("--horizon", min=1, max=365, metavar="DAYS...", help="Days to judge: 7 30.")
]
ExportOption = Annotated[
    Path | None, typer.Option("--export", help="Parquet file for the lists: customer_id, item_id, placement, rank.")
]


def evaluate(
    cutoff: CutoffOption,
    horizon: HorizonOption = None,
    more_horizons: Annotated[list[int] | None, typer.Argument(hidden=True, min=1, max=365)] = None,
    as_json: JsonOption = False,
    export: ExportOption = None,
    config: ConfigOption = None,
) -> int:
    """Choose and train on events before a day, and judge the lists by what customers bought afterwards.

    Full catalogue, no sampled negatives, beside the simple methods and the champion. Nothing is published.
    """
    settings = load_settings(config)
    require_made(settings, "recommendations")
    horizons = sorted({*(horizon or []), *(more_horizons or [])}) or settings.recommender.evaluation_days
    if export and (export.is_dir() or not export.absolute().parent.is_dir()):
        raise UserError(f"--export {export} is no file in an existing folder.", "Name a Parquet file to write.")
    day = cutoff.date()
    with Progress().shown() as report:
        report("loading events")
        transactions, items = events_around(settings, day, max(horizons))
        from ml_assets.models.evaluate import evaluate as judge  # noqa: PLC0415 numba imports slowly

        report(f"choosing and training on events before {day}, judging {', '.join(map(str, horizons))} days")
        champions = champion_recipes(settings, before=day)
        result = judge(
            transactions,
            items,
            cutoff=day,
            horizons=horizons,
            settings=settings,
            champions=champions,
            report=report,
        )
    if export:
        with replacing(export, "Choose another place with --export.", keep_mode=True) as file:
            result.lists.write_parquet(file)
    if emit(result.facts(), as_json):
        return 0
    show_notes(result.notes, result.choices)
    show_evaluation(result.table, f"Trained before {day}, K = 10")
    show_breakdown(result.breakdown)
    if export:
        OUT.print(f"Wrote {result.lists.height:,} list entries to {export}.")
    days = " ".join(map(str, horizons))
    next_commands(
        config,
        (f"ml-assets evaluate --cutoff {day} --horizon {days} --json", "the same for machines"),
        ("ml-assets backtest", "every method on several windows"),
        ("ml-assets run", "publish the newest day"),
    )
    return 0


def show_notes(notes: list[str], choices: dict[str, str]) -> None:
    """Print what the data can carry, and what was chosen."""
    for note in notes:
        OUT.print(note, soft_wrap=True)
    for placement, why in choices.items():
        OUT.print(f"[bold]{placement}[/bold]  {why}", soft_wrap=True)
    OUT.print()


def show_evaluation(metrics: pl.DataFrame, title: str) -> None:
    """Print an evaluation table; columns that it does not have are left out."""
    if "ndcg_low" in metrics.columns:
        metrics = metrics.with_columns(interval=pl.format("{}-{}", _short("ndcg_low"), _short("ndcg_high")))
    columns = [name for name in HEADINGS if name in metrics.columns]
    rows = [[_cell(row[name]) for name in columns] for row in metrics.iter_rows(named=True)]
    shown = [HEADINGS[name] for name in columns]
    table(title, shown, rows, right=[HEADINGS[name] for name in columns if name not in WORDS])


def show_breakdown(breakdown: pl.DataFrame) -> None:
    """Print NDCG of the longest horizon by kinds of customers, methods side by side."""
    longest = breakdown.filter(pl.col("horizon") == pl.col("horizon").max())
    methods = longest["method"].unique(maintain_order=True).to_list()
    wide = longest.pivot("method", index=["placement", "kind", "which", "customers"], values="ndcg")
    rows = [[_cell(value) for value in row] for row in wide.iter_rows()]
    days = max(longest["horizon"], default=0)
    table(
        f"NDCG@10 over {days} days by kind of customer",
        ["placement", "by", "group", "customers", *methods],
        rows,
        right=["customers", *methods],
    )


def _short(column: str) -> pl.Expr:
    return pl.col(column).round(4).cast(pl.String).str.pad_end(6, "0")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
