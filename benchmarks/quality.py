"""Quality: what the product chooses by itself beside best-sellers and the best single method, over several cut-offs.

Everything is chosen, tuned and trained on events before a cut-off and judged by the 30 days from it on; the whole
catalogue counts, and every customer who buys.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer

from benchmarks.built_in import catalogue, events_until
from benchmarks.short import HORIZONS, ROOM, Outcome, Shop, kept, settings_with
from ml_assets.cli.console import table
from ml_assets.methods import SOURCES
from ml_assets.models.kernels.csr import Float64
from ml_assets.models.metrics.measures import Measurement

CUTOFFS = ["2017-08-01", "2017-09-01", "2017-10-01", "2017-11-01", "2017-12-01"]
RESAMPLES = 1000
CHOSEN, BEST_SINGLE = "chosen", "best single"


def main() -> None:
    """Run as a command."""
    typer.run(_run)


def _run(
    *,
    cutoff: Annotated[list[str] | None, typer.Option(help="First days that selection has not seen.")] = None,
    leave_out: Annotated[list[str] | None, typer.Option(help="Methods that may not compete.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Keeps what was measured; what is there is not run again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    days = [date.fromisoformat(each) for each in cutoff or CUTOFFS]
    settings = settings_with(leave_out or [])
    outcomes = [kept(shop, settings, folder) for shop in _whole(days)]
    rows = list(rows_of(outcomes))
    if as_json:
        typer.echo(json.dumps(rows))
        return
    columns = ["placement", "days", "method", "NDCG@10", "95 %", "Recall@10", "95 %", "chosen at the cut-offs"]
    table(f"Means over {len(outcomes)} cut-offs", columns, [_shown(row) for row in rows])


def _whole(cutoffs: Sequence[date]) -> Iterator[Shop]:
    """The built-in data at each cut-off."""
    events, items = events_until(max(cutoffs) + ROOM), catalogue()
    for cutoff in cutoffs:
        after = pl.col("day").is_between(cutoff, cutoff + ROOM, closed="left")
        yield Shop("whole", cutoff, events.filter(pl.col("day") < cutoff), events.filter(after), items)


def rows_of(outcomes: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    """For each placement and horizon what was chosen, the single method that is best over all, and best-sellers."""
    for placement in outcomes[0].chosen:
        for horizon in HORIZONS:
            found = [_of(outcome, placement, horizon) for outcome in outcomes]
            common = [name for name in found[0] if all(name in one for one in found)]
            single = max(
                (name for name in common if name in SOURCES),
                key=lambda name: np.mean([one[name].ndcg for one in found]),
            )
            chosen = [outcome.chosen[placement] for outcome in outcomes]
            shown = {
                CHOSEN: [one[name] for one, name in zip(found, chosen, strict=True)],
                f"{BEST_SINGLE}: {single}": [one[single] for one in found],
                "popularity": [one["popularity"] for one in found],
            }
            for name, ones in shown.items():
                yield {
                    "placement": placement,
                    "days": horizon,
                    "method": name,
                    "ndcg": interval([one.metrics.ndcg for one in ones]),
                    "recall": interval([one.metrics.recall for one in ones]),
                    "chosen": chosen if name == CHOSEN else [],
                }


def _of(outcome: Outcome, placement: str, horizon: int) -> dict[str, Measurement]:
    """What came true of each method."""
    return {one.method: one for one in outcome.came if one.placement == placement and one.horizon == horizon}


def interval(customers: Sequence[Float64]) -> tuple[float, float, float]:
    """The mean over cut-offs and its 95 % interval; cut-offs are resampled, and customers of each."""
    rng = np.random.default_rng(1)
    means = [
        np.mean([values[rng.integers(values.size, size=values.size)].mean() for values in drawn])
        for drawn in (
            [customers[one] for one in rng.integers(len(customers), size=len(customers))] for _ in range(RESAMPLES)
        )
    ]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(np.mean([values.mean() for values in customers])), float(low), float(high)


def _shown(row: dict[str, Any]) -> list[str]:
    figures = [
        text for mean, low, high in (row["ndcg"], row["recall"]) for text in (f"{mean:.4f}", f"{low:.4f}-{high:.4f}")
    ]
    return [row["placement"], str(row["days"]), row["method"], *figures, ", ".join(dict.fromkeys(row["chosen"]))]
