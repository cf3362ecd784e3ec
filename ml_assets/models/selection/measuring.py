"""Measuring methods on validation windows: every source alone, and the recipes that score now.

What combinations learn and which of their variants is best belongs to `combining.py`, the choice to `choose.py`.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from ml_assets.models.metrics.measures import Measurement
from ml_assets.models.ranking.candidates import Pool
from ml_assets.models.ranking.method import Lesson, Method, Single
from ml_assets.models.ranking.recipes import Recipe
from ml_assets.models.recommenders.registry import Parameters, fit_sources
from ml_assets.models.selection.choose import CHAMPION
from ml_assets.models.selection.entrants import suits, taught
from ml_assets.models.selection.history import History
from ml_assets.models.selection.plan import LESSONS, Plan, windows_for
from ml_assets.models.selection.window import Window
from ml_assets.progress import Course


@dataclass(frozen=True)
class PreparedWindow:
    """A window with the candidates of some fitted sources, and what combinations learn from it."""

    window: Window
    pool: Pool
    lesson: Lesson

    @classmethod
    def of(cls, window: Window, sources: Parameters, depth: int) -> "PreparedWindow":
        """The sources fitted on the days before the window; `depth` candidates of each."""
        purchases = window.snapshot.purchases
        pool = window.pool(fit_sources(purchases, sources).scores(purchases), depth)
        return cls(window, pool, window.lesson(pool))

    def measure(self, name: str, method: Method, placements: Sequence[str]) -> list[Measurement]:
        """The method's lists of each placement, judged at every horizon."""
        return self.window.measure(name, method, self.pool, placements)

    def measure_variants(self, name: str, method: Method, placements: Sequence[str]) -> list[list[Measurement]]:
        """The same of each of its variants."""
        return self.window.measure_variants(name, method, self.pool, placements)


def prepare_windows(
    history: History, plan: Plan, newest: Window, sources: Parameters, *, count: int, course: Course
) -> list[PreparedWindow]:
    """The `count` newest windows of a plan, newest first; `newest` is the first of them."""
    prepared = []
    course.begin("windows", f"trying {len(sources)} methods on {count} window{'s' if count > 1 else ''}")
    for number, cutoff in enumerate(plan.cutoffs[:count]):
        course.inside(number / count, f", now on the one from {cutoff}")
        window = newest if cutoff == newest.cutoff else history.window(cutoff, plan.horizons)
        prepared.append(PreparedWindow.of(window, sources, history.settings.recommender.depth))
    return prepared


def measure_sources(
    windows: Sequence[PreparedWindow], sources: Sequence[str], placements: Sequence[str]
) -> list[Measurement]:
    """Every source alone on every window, for the placements that it suits."""
    return [
        measure
        for window in windows
        for name in sources
        for measure in window.measure(name, Single(name), [each for each in placements if suits(name, each)])
    ]


def as_champion(measures: Sequence[Measurement]) -> list[Measurement]:
    """What was measured of a recipe that is the champion's as well."""
    return [replace(one, method=CHAMPION) for one in measures]


def measure_champion(
    history: History, plan: Plan, recipe: Recipe, placement: str, *, validated: int
) -> list[Measurement]:
    """A recipe that scores now, fitted with its own parameters and judged on the `validated` newest windows."""
    count = windows_for(validated, learns=recipe.make().learns)
    depth = history.settings.recommender.depth
    windows = [
        PreparedWindow.of(history.window(cutoff, plan.horizons), recipe.sources, depth)
        for cutoff in plan.cutoffs[:count]
    ]
    measures = []
    for number, window in enumerate(windows[:validated]):
        method = recipe.make()
        if not method.learns:
            measures += window.measure(CHAMPION, method, [placement])
        elif len(windows) > number + 1:
            measures += window.measure(CHAMPION, learned(method.draft(), windows, placement, after=number), [placement])
    return measures


def ready_champions(
    history: History, plan: Plan, recipes: Mapping[str, Recipe]
) -> dict[tuple[str, str], tuple[Recipe, Method]]:
    """Recipes that score now, each having learned from the newest windows with its own parameters.

    By CHAMPION and placement.
    """
    made: dict[tuple[str, str], tuple[Recipe, Method]] = {}
    for placement, recipe in recipes.items():
        method, windows = recipe.make(), list[PreparedWindow]()
        if method.learns:
            depth = history.settings.recommender.depth
            windows = [
                PreparedWindow.of(history.window(cutoff, plan.horizons), recipe.sources, depth)
                for cutoff in plan.cutoffs[:LESSONS]
            ]
        made[CHAMPION, placement] = recipe, learned(method, windows, placement, after=-1)
    return made


def ready_methods(
    recipes: Mapping[tuple[str, str], Recipe], windows: Sequence[PreparedWindow]
) -> dict[tuple[str, str], tuple[Recipe, Method]]:
    """Methods, by name and placement, having learned from the newest windows."""
    made: dict[tuple[str, str], tuple[Recipe, Method]] = {}
    for kind in dict.fromkeys(method for method, _ in recipes):
        same = {placement: recipe for (method, placement), recipe in recipes.items() if method == kind}
        ready = learned_today(same, windows)
        made |= {(kind, placement): (recipe, ready[placement]) for placement, recipe in same.items()}
    return made


def learned_today(recipes: Mapping[str, Recipe], windows: Sequence[PreparedWindow]) -> dict[str, Method]:
    """The method of each placement, having learned from the newest windows; one where placements learn the same."""
    first: dict[str, str] = {}
    for placement, recipe in recipes.items():
        same = (other for other in first if recipes[other] == recipe and taught(other) == taught(placement))
        first[placement] = next(same, placement)
    distinct = list(dict.fromkeys(first.values()))

    def teach(placement: str) -> Method:
        return learned(recipes[placement].make(), windows, placement, after=-1)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        made = dict(zip(distinct, pool.map(teach, distinct), strict=True))
    return {placement: made[other] for placement, other in first.items()}


def learned(method: Method, windows: Sequence[PreparedWindow], placement: str, *, after: int) -> Method:
    """The method, having learned from the windows older than number `after`; -1: from the newest."""
    if not method.learns:
        return method
    return method.fit([each.lesson for each in windows[after + 1 : after + 1 + LESSONS]], taught(placement))
