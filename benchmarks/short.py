"""Short histories: whether selection ends at the method that turns out best, on truncated and on made-up shops.

Each shop is cut to its last weeks, or to each customer's last orders, before a cut-off. The product's own selection
chooses from those days alone; then every method that it knows, as ready as the chosen one, is judged by the days after.
"""

import json
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer

from benchmarks.built_in import SETTINGS, catalogue, events_until
from benchmarks.made_shops import MADE
from ml_assets.cli.console import OUT, table
from ml_assets.features.windows import ORDER
from ml_assets.methods import METHODS
from ml_assets.models.metrics.measures import Measurement, Measures
from ml_assets.models.recommenders.registry import fit_sources
from ml_assets.models.selection.study import Study, study_shop
from ml_assets.models.selection.window import Window
from ml_assets.settings.shop import Settings

HORIZONS = [7, 30]
CUTOFFS = ["2017-11-01", "2017-12-01"]
ROOM = timedelta(days=30)
GOAL = 0.99


@dataclass(frozen=True)
class Shop:
    """What selection may see, and what came after."""

    name: str
    cutoff: date
    before: pl.DataFrame
    after: pl.DataFrame
    items: pl.DataFrame


@dataclass(frozen=True)
class Outcome:
    """What was chosen for each placement, what selection had measured, and what came true."""

    chosen: dict[str, str]
    reasons: dict[str, str]
    notes: list[str]
    foreseen: list[Measurement]
    came: list[Measurement]


def last_weeks(events: pl.DataFrame, cutoff: date, weeks: int) -> pl.DataFrame:
    """The lines of so many weeks before a day."""
    return events.filter(pl.col("day") >= cutoff - timedelta(weeks=weeks))


def last_orders(events: pl.DataFrame, cutoff: date, orders: int) -> pl.DataFrame:  # noqa: ARG001 all are before it
    """The lines of each customer's last orders."""
    newest = events.group_by(ORDER).agg(pl.col("occurred_at").max()).sort("customer_id", "day", "occurred_at")
    kept = newest.group_by("customer_id", maintain_order=True).tail(orders)
    return events.join(kept, on=ORDER, how="semi", nulls_equal=True)


TRUNCATED: Mapping[str, tuple[Callable[[pl.DataFrame, date, int], pl.DataFrame], int]] = {
    **{f"{weeks} weeks": (last_weeks, weeks) for weeks in (5, 7, 10, 15)},
    **{f"{orders} orders": (last_orders, orders) for orders in (3, 5, 10)},
}


def shops(names: Sequence[str], cutoffs: Sequence[date]) -> Iterator[Shop]:
    """The shops of some names, at each cut-off where they are of the built-in data."""
    truncated = [name for name in names if name in TRUNCATED]
    if truncated:
        events, items = events_until(max(cutoffs) + ROOM), catalogue()
        for cutoff in cutoffs:
            past = events.filter(pl.col("day") < cutoff)
            after = events.filter(pl.col("day").is_between(cutoff, cutoff + ROOM, closed="left"))
            for name in truncated:
                cut, size = TRUNCATED[name]
                yield Shop(name, cutoff, cut(past, cutoff, size), after, items)
    for name in names:
        if name in MADE:
            events, items = MADE[name]()
            cutoff = max(events["day"]) - ROOM + timedelta(days=1)
            yield Shop(
                name, cutoff, events.filter(pl.col("day") < cutoff), events.filter(pl.col("day") >= cutoff), items
            )


def outcome_of(shop: Shop, settings: Settings) -> Outcome:
    """Let the product choose, then judge all its methods."""
    through = shop.cutoff - timedelta(days=1)
    study = study_shop(
        shop.before.lazy(),
        shop.items,
        first_day=min(shop.before["day"]),
        through=through,
        settings=settings,
        every=True,
    )
    events = pl.concat([shop.before, shop.after]).lazy()
    window = Window.of(
        events, shop.items, cutoff=shop.cutoff, horizons=HORIZONS, settings=study.repeats.applied(settings)
    )
    return Outcome(
        chosen={placement: choice.method for placement, choice in study.choices.items()},
        reasons={placement: choice.reason for placement, choice in study.choices.items()},
        notes=study.notes,
        foreseen=study.measures.all,
        came=judged(study, window, settings),
    )


def judged(study: Study, window: Window, settings: Settings) -> list[Measurement]:
    """Every competitor on the days after the cut-off."""
    parameters = {name: given for recipe, _ in study.competitors.values() for name, given in recipe.sources.items()}
    purchases = window.snapshot.purchases
    pool = window.pool(fit_sources(purchases, parameters).scores(purchases), settings.recommender.depth)
    return [
        one
        for (name, placement), (_, method) in study.competitors.items()
        for one in window.measure(name, method, pool, [placement])
        if one.metrics.ndcg.size
    ]


def rows_of(shop: Shop, outcome: Outcome) -> Iterator[dict[str, Any]]:
    """One row per placement and horizon: the chosen method beside the best."""
    came = Measures(outcome.came)
    for placement, method in outcome.chosen.items():
        for horizon in HORIZONS:
            found = {name: one for name in came.methods(placement) for one in came.of(placement, name)
                     if one.horizon == horizon}  # fmt: skip
            if method not in found:
                continue
            best = max(found, key=lambda name: found[name].ndcg)
            chosen = found[method]
            yield {
                "shop": shop.name,
                "cutoff": shop.cutoff.isoformat(),
                "placement": placement,
                "days": horizon,
                "chosen": method,
                "ndcg": chosen.ndcg,
                "recall": float(chosen.metrics.recall.mean()),
                "best": best,
                "best_ndcg": found[best].ndcg,
                "best_recall": float(found[best].metrics.recall.mean()),
                "ratio": chosen.ndcg / max(found[best].ndcg, 1e-9),
            }


def main() -> None:
    """Run as a command."""
    typer.run(_run)


def _run(
    *,
    shop: Annotated[list[str] | None, typer.Option(help="Only these, such as '7 weeks' or 'films'.")] = None,
    cutoff: Annotated[list[str] | None, typer.Option(help="First days that selection has not seen.")] = None,
    leave_out: Annotated[list[str] | None, typer.Option(help="Methods that may not compete.")] = None,
    search_seconds: Annotated[float, typer.Option(help="As recommender.selection.search_seconds.")] = 45,
    folder: Annotated[
        Path | None, typer.Option(help="Keeps what was measured; what is there is not run again.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="One small made-up shop, a look whether it runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    names = ["tiny"] if quick else shop or [*TRUNCATED, *MADE]
    days = [date.fromisoformat(each) for each in cutoff or CUTOFFS]
    settings = settings_with(leave_out or [], search_seconds, quick=quick)
    rows = []
    for one in shops(names, days):
        rows += list(rows_of(one, kept(one, settings, folder)))
    if as_json:
        typer.echo(json.dumps(rows))
        return
    columns = [
        "shop",
        "cut-off",
        "placement",
        "days",
        "chosen",
        "NDCG@10",
        "Recall@10",
        "best",
        "NDCG@10",
        "Recall@10",
        "ratio",
    ]
    table(
        "The chosen method beside the best, on days that selection has not seen",
        columns,
        [[f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows],
    )
    for label, group in _groups(rows):
        ratios = np.array([row["ratio"] for row in group])
        good = f"{np.mean(ratios >= GOAL):.0%} from {GOAL} on"
        OUT.print(f"{label}: mean ratio {ratios.mean():.4f}, least {ratios.min():.4f}, {good}")


def _groups(rows: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for placement in dict.fromkeys(row["placement"] for row in rows):
        yield placement, [row for row in rows if row["placement"] == placement]


def settings_with(leave_out: Sequence[str], search_seconds: float = 45, *, quick: bool = False) -> Settings:
    """The product's own, without some methods."""
    methods = [name for name in METHODS if name not in leave_out] if leave_out else None
    effort = "quick" if quick else "full"
    selection = SETTINGS.recommender.selection.model_copy(
        update={"methods": methods, "search_seconds": search_seconds, "effort": effort}
    )
    options = SETTINGS.recommender.model_copy(update={"selection": selection, "evaluation_days": HORIZONS})
    return SETTINGS.model_copy(update={"recommender": options})


def kept(shop: Shop, settings: Settings, folder: Path | None) -> Outcome:
    """The outcome, from the folder where it is there; files of our own, which nobody else writes."""
    path = folder / f"{shop.name.replace(' ', '_')}-{shop.cutoff}.pickle" if folder else None
    if path and path.exists():
        kept: Outcome = pickle.loads(path.read_bytes())
        return kept
    outcome = outcome_of(shop, settings)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(outcome))
    return outcome
