"""`ml-assets backtest`: every method on the shop's own past, and what the data can carry.

The study itself is in `ml_assets.models.selection`; nothing is trained for publishing, and nothing is published.
"""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from ml_assets.cli.console import ConfigOption, JsonOption, emit, next_commands
from ml_assets.cli.evaluate import show_evaluation, show_notes
from ml_assets.cli.inputs.champions import champion_recipes
from ml_assets.cli.inputs.made import require_made
from ml_assets.cli.inputs.past_events import events_until
from ml_assets.cli.progress import Progress
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings

if TYPE_CHECKING:
    from ml_assets.models.selection.study import Study

ThroughOption = Annotated[
    datetime | None,
    typer.Option(
        "--through",
        formats=["%Y-%m-%d"],
        metavar="YYYY-MM-DD",
        help="Last day of the newest window. Default: the newest day of the source.",
    ),
]
WindowsOption = Annotated[
    int | None, typer.Option("--windows", min=1, max=12, help="Windows to judge on. Default: the setting.")
]
QuickOption = Annotated[bool, typer.Option("--quick", help="Few methods on one window, in seconds instead of minutes.")]


def backtest(
    through: ThroughOption = None,
    windows: WindowsOption = None,
    quick: QuickOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Judge every method on rolling windows of the past, full catalogue, with intervals.

    Each window is judged by methods that saw earlier days only. Says what the data can carry, and which method each
    placement would get.
    """
    settings = load_settings(config)
    require_made(settings, "recommendations")
    changes: dict[str, object] = {"windows": windows} if windows else {}
    changes |= {"effort": "quick"} if quick else {}
    selection = settings.recommender.selection.model_copy(update=changes)
    settings = settings.model_copy(
        update={"recommender": settings.recommender.model_copy(update={"selection": selection})}
    )
    study, last = _study(settings, through.date() if through else None)
    choices = {name: f"{choice.method}: {choice.reason}" for name, choice in study.choices.items()}
    facts = {
        "through": last,
        "data": study.notes,
        "choices": choices,
        "summary": study.summary().to_dicts(),
        "windows": study.measures.table().to_dicts(),
    }
    if emit(facts, as_json):
        return 0
    show_notes(study.notes, choices)
    _show(study.summary(), last)
    next_commands(
        config,
        ("ml-assets run", "train on all of it and publish the newest day"),
        ("ml-assets models", "which models were promoted, and why"),
        (f"ml-assets evaluate --cutoff {last - timedelta(days=30)} --horizon 7 30", "one cut-off, nothing tuned on it"),
    )
    return 0


def _study(settings: Settings, through: date | None) -> tuple["Study", date]:
    """The finished study, and the last day that it saw."""
    with Progress().shown() as report:
        report("loading events")
        events, items, last = events_until(settings, through)
        from ml_assets.models.selection.study import study_shop  # noqa: PLC0415 numba imports slowly

        first = events.select(pl.col("day").min()).collect().item()
        champions = champion_recipes(settings, before=last + timedelta(days=1))
        study = study_shop(
            events,
            items,
            first_day=first or last,
            through=last,
            settings=settings,
            champions=champions,
            report=report,
        )
    return study, last


def _show(summary: pl.DataFrame, last: date) -> None:
    for placement in summary["placement"].unique(maintain_order=True):
        shown = summary.filter(pl.col("placement") == placement)
        count = shown["windows"][0]
        seen = f"{count} windows" if count > 1 else "one window"
        title = f"{placement.replace('_', ' ').capitalize()}, {seen} up to {last}, K = 10"
        show_evaluation(shown.drop("placement"), title)
