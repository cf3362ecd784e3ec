"""The learned ranker: what scoring costs by stage, trees beside LightGBM and other libraries, and the loss by pruning.

Everything is CPU time of this process, which other processes of the machine change less than wall time; what is
compared takes turns. The data is the built-in one, with its own dates.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from importlib import import_module  # noqa: TID251 what is compared need not be installed
from importlib.util import find_spec
from typing import Annotated, Any

import lightgbm
import numpy as np
import polars as pl
import typer

from benchmarks.built_in import SETTINGS, catalogue, events_until
from ml_assets.cli.console import OUT, table
from ml_assets.methods import SOURCES
from ml_assets.models.matrices.scores import Scores
from ml_assets.models.ranking.candidates import Pool, build_pool
from ml_assets.models.ranking.forest import Forest
from ml_assets.models.ranking.method import allowed_pairs
from ml_assets.models.ranking.ranker import Ranker
from ml_assets.models.recommenders.registry import Parameters, fit_sources, parameters_of
from ml_assets.models.selection.window import Window

CUTOFF, QUICK_CUTOFF = date(2017, 11, 1), date(2017, 4, 1)
HORIZON = 30
CANDIDATES = 300
"""A customer's candidates, to which costs are brought."""
PRUNED = (300, 200, 100)
PLACEMENTS = ("for_you", "discover")
OTHERS = ("treelite",)
"""Libraries that are compared where they are installed."""
INSTALL = "uv pip install treelite"


@dataclass(frozen=True)
class Learned:
    """A ranker that learned from one window, and a later window to judge it by."""

    window: Window
    scores: Mapping[str, Scores]
    pool: Pool
    rankers: dict[str, Ranker]
    """By placement."""
    seconds: dict[str, float]
    """CPU seconds of each stage of learning."""


def cpu(work: Callable[[], object]) -> tuple[float, Any]:
    """CPU seconds of all threads of this process, and what came out."""
    begin = time.process_time()
    made = work()
    return time.process_time() - begin, made


def learn(cutoff: date) -> Learned:
    """Fit all sources before both windows and the rankers on the older one."""
    events, items = events_until(cutoff + timedelta(days=HORIZON - 1)), catalogue()
    seconds: dict[str, float] = {}
    names = [name for name in SOURCES if SOURCES[name].is_combined]
    parameters = parameters_of(SETTINGS.recommender, names)
    prepared = [prepare(events, items, cutoff - timedelta(days=days), parameters, seconds) for days in (HORIZON, 0)]
    lesson = prepared[0][0].lesson(prepared[0][2])
    rankers = {}
    for placement in PLACEMENTS:
        ranker = Ranker(names)
        seconds[f"growing trees for {placement}"] = cpu(partial(ranker.fit, [lesson], placement))[0]
        rankers[placement] = ranker
    window, scores, pool = prepared[1]
    return Learned(window, scores, pool, rankers, seconds)


def prepare(
    events: pl.DataFrame, items: pl.DataFrame, cutoff: date, parameters: Parameters, seconds: dict[str, float]
) -> tuple[Window, Mapping[str, Scores], Pool]:
    """A window, what all sources say as of its first day, and its candidates; notes what each step took."""
    made = partial(Window.of, events.lazy(), items, cutoff=cutoff, horizons=[HORIZON], settings=SETTINGS)
    seconds["reading a window"], window = cpu(made)
    purchases = window.snapshot.purchases
    seconds["fitting the sources"], sources = cpu(partial(fit_sources, purchases, parameters))
    scores = sources.scores(purchases)
    seconds["candidates of a window"], pool = cpu(partial(window.pool, scores, SETTINGS.recommender.depth))
    return window, scores, pool


def stages(learned: Learned, customers: int) -> dict[str, float]:
    """CPU milliseconds a customer of each stage of scoring, at `CANDIDATES` candidates; least of three turns."""
    snapshot, description = learned.window.snapshot, learned.window.description
    codes = np.arange(min(customers, snapshot.customers), dtype=np.int32)
    depth = SETTINGS.recommender.depth
    least: dict[str, float] = {}
    for _ in range(3):
        spent: dict[str, float] = {}
        spent["candidates"], pool = cpu(partial(build_pool, snapshot, learned.scores, codes, depth=depth))
        share = CANDIDATES / (pool.items.size / codes.size)
        sources = learned.rankers[PLACEMENTS[0]].sources
        spent["features"], (names, features) = cpu(partial(description.matrix, pool, sources))
        for placement, ranker in learned.rankers.items():
            spent[f"trees of {placement}"] = cpu(partial(ranker.forest_.sums, names, features))[0]
        for stage, seconds in spent.items():
            per_customer = seconds / codes.size * 1000 * (1.0 if stage == "candidates" else share)
            least[stage] = min(least.get(stage, np.inf), per_customer)
    return least


def predictions(learned: Learned, rows: int) -> dict[str, dict[str, float]]:
    """CPU microseconds a pair of each way through the trees of one booster, and its furthest sum from LightGBM's."""
    ranker = learned.rankers["for_you"]
    places = np.arange(min(rows, learned.pool.items.size))
    names, features = learned.window.description.matrix(learned.pool.only(places), ranker.sources)
    text = ranker.trees_[0]
    booster, forest = lightgbm.Booster(model_str=text), Forest.of([text])
    by_pair = np.ascontiguousarray(features.T)
    sides: dict[str, Callable[[], Any]] = {
        "LightGBM": lambda: booster.predict(by_pair, num_threads=1),
        "ours": lambda: forest.sums(names, features),
    }
    if find_spec("treelite"):
        treelite = import_module("treelite")
        model = treelite.frontend.from_lightgbm(booster)
        sides["treelite"] = lambda: treelite.gtil.predict(model, by_pair, nthread=1).ravel()
    truth = sides["LightGBM"]()
    apart = {name: float(np.abs(side() - truth).max()) for name, side in sides.items()}
    least = dict.fromkeys(sides, np.inf)
    for _ in range(3):
        for name, side in sides.items():
            least[name] = min(least[name], cpu(side)[0])
    return {
        name: {"us": seconds / places.size * 1e6, "ratio": seconds / least["LightGBM"], "apart": apart[name]}
        for name, seconds in least.items()
    }


def pruning(learned: Learned) -> dict[str, dict[str, float]]:
    """NDCG@10 of each placement where only the best candidates by the mean of all sources come to the trees."""
    pool, window = learned.pool, learned.window
    found: dict[str, dict[str, float]] = {}
    for placement, ranker in learned.rankers.items():
        scores = ranker.score(pool, window.description)
        for most in (None, *PRUNED):
            allowed = allowed_pairs(pool, placement)
            kept = allowed if most is None else pool.promising(allowed, most)
            measured = window.measure_scores(placement, np.where(kept, scores, 0), pool, [placement])
            found.setdefault(placement, {})["all" if most is None else f"{most}"] = measured[-1].ndcg
    return found


def run(
    quick: Annotated[bool, typer.Option("--quick", help="Three months of data: only that it runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure the learned ranker on the built-in data."""
    learned = learn(QUICK_CUTOFF if quick else CUTOFF)
    facts: dict[str, Any] = {
        "learning": learned.seconds,
        "scoring": stages(learned, 200 if quick else 1000),
        "trees": predictions(learned, 5_000 if quick else 100_000),
        "pruning": pruning(learned),
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    table("Learning", ["stage", "CPU s"], [[stage, f"{value:.1f}"] for stage, value in facts["learning"].items()])
    rows = [[stage, f"{value:.3f}"] for stage, value in facts["scoring"].items()]
    rows.append(["all", f"{sum(facts['scoring'].values()):.3f}"])
    table(f"Scoring at {CANDIDATES} candidates", ["stage", "CPU ms a customer"], rows)
    rows = [
        [name, f"{each['us']:.2f}", f"{each['ratio']:.3f}", f"{each['apart']:.1e}"]
        for name, each in facts["trees"].items()
    ]
    table("Trees of one booster", ["way", "CPU us a pair", "of LightGBM", "furthest apart"], rows)
    rows = [[placement, *(f"{value:.4f}" for value in each.values())] for placement, each in facts["pruning"].items()]
    table("NDCG@10 with candidates pruned before the trees", ["placement", "all", *map(str, PRUNED)], rows)
    if not all(find_spec(name) for name in OTHERS):
        OUT.print(f"treelite is not installed. To compare: {INSTALL}", markup=False)


def main() -> None:
    """Measure what the command line asks for."""
    app = typer.Typer(add_completion=False)
    app.command()(run)
    app(prog_name="python -m benchmarks ranker")
