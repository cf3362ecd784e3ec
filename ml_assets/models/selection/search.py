"""Parameters of single methods, searched on validation windows within a stated time.

Only the search belongs here: the grids are in `ml_assets/methods.py`. Trials run in a fixed
order, so that a slower machine tries fewer and never others.
"""

import time
from collections.abc import Sequence

import numpy as np
from pydantic import JsonValue

from ml_assets.methods import SOURCES
from ml_assets.models.kernels.csr import Bools
from ml_assets.models.metrics.measures import Measurement
from ml_assets.models.recommenders.registry import Parameters, fit_sources
from ml_assets.models.selection.window import K, Window
from ml_assets.progress import Course


def search_parameters(
    window: Window, names: Sequence[str], defaults: Parameters, *, seconds: float, course: Course
) -> tuple[dict[str, dict[str, JsonValue]], int]:
    """The best parameters of each method on one window, and the number of trials that there was time for.

    A method that repeats is judged on what customers buy, another on what is new to them, by mean NDCG over the
    horizons. The default stays unless a trial is better.
    """
    best = {name: dict(defaults.get(name, {})) for name in names}
    reached: dict[str, float] = {}
    started, trials = time.perf_counter(), 0
    for place in range(max((len(SOURCES[name].grid) for name in names), default=0)):
        for name in names:
            if place >= len(SOURCES[name].grid):
                continue
            if time.perf_counter() - started >= seconds:
                return best, trials
            if name not in reached:
                reached[name] = _quality(window, name, best[name])
            given = {**defaults.get(name, {}), **SOURCES[name].grid[place]}
            quality = _quality(window, name, given)
            trials += 1
            course.inside(min((time.perf_counter() - started) / seconds, 1.0), f", now of {SOURCES[name].words}")
            if quality > reached[name]:
                reached[name], best[name] = quality, given
    return best, trials


def _quality(window: Window, name: str, parameters: dict[str, JsonValue]) -> float:
    """Mean NDCG over the horizons of the method's own exact lists."""
    snapshot = window.snapshot
    scores = fit_sources(snapshot.purchases, {name: parameters}).scores(snapshot.purchases)[name]
    repeats = SOURCES[name].repeats
    block = scores.block(np.arange(snapshot.customers, dtype=np.int32))
    eligible: Bools = snapshot.sellable.items if repeats else snapshot.sellable.as_new
    listed = repeats and window.may_repeat
    lists = block.top(K, eligible=eligible, excluded=None if listed else snapshot.bought)
    found: list[Measurement] = window.judge(name, lists, "for_you" if repeats else "discover")
    return float(np.mean([one.ndcg for one in found])) if found else 0.0
