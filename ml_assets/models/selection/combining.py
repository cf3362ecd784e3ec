"""Combinations of sources: which parameters each kind gets, judged on windows newer than those it learned from.

Measuring what needs no learning belongs to `measuring.py`.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

from ml_assets.models.metrics.intervals import relative_half_width
from ml_assets.models.metrics.measures import Measurement
from ml_assets.models.ranking.recipes import Recipe
from ml_assets.models.selection.entrants import taught
from ml_assets.models.selection.measuring import PreparedWindow, learned
from ml_assets.progress import Course

TOLERANCE = 0.05
"""Part of the half width of an interval within which two variants are taken as equal."""


@dataclass(frozen=True)
class Combined:
    """The best variant of a combination for placements that share it, and what it scored."""

    placements: list[str]
    recipe: Recipe
    measures: list[Measurement]


def combine(
    recipes: Sequence[Recipe],
    windows: Sequence[PreparedWindow],
    placements: Sequence[str],
    *,
    validated: int,
    course: Course,
) -> list[Combined]:
    """Each recipe for each placement that something is learned for.

    The `validated` newest windows judge, each a method that learned from older ones.
    """
    teachers = list(dict.fromkeys(taught(placement) for placement in placements))
    lessons, learned_by_now = len(recipes) * len(teachers) * validated, count(1)
    if recipes:
        kinds = " and ".join(recipe.method for recipe in recipes)
        course.begin("teaching", f"teaching {kinds} for {' and '.join(teachers)} on {validated} windows")

    def one_learned() -> None:
        course.inside(next(learned_by_now) / lessons)

    def best(task: tuple[Recipe, str]) -> Combined:
        recipe, teacher = task
        sharing = [placement for placement in placements if taught(placement) == teacher]
        return Combined(sharing, *_best_variant(recipe, windows, sharing, validated, one_learned))

    # Trees grow on one thread each: two of them side by side beat one on two threads, which wait for each other.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(best, [(recipe, teacher) for recipe in recipes for teacher in teachers]))


def _best_variant(
    recipe: Recipe,
    windows: Sequence[PreparedWindow],
    placements: Sequence[str],
    validated: int,
    one_learned: Callable[[], None],
) -> tuple[Recipe, list[Measurement]]:
    """The variant that is best over all windows, and what it measures on each.

    Of those that differ by less than chance easily explains, the one that shows most different items.
    """
    fitted = []
    for number in range(validated):
        fitted.append(learned(recipe.make().draft(), windows, taught(placements[0]), after=number))
        one_learned()
    by_window = [
        window.measure_variants(recipe.method, method, placements)
        for method, window in zip(fitted, windows[:validated], strict=True)
    ]
    tried = [[measure for window in one for measure in window] for one in zip(*by_window, strict=True)]
    quality = [sum(one.ndcg for one in measures) for measures in tried]
    tolerance = TOLERANCE * max(relative_half_width(one.metrics.ndcg) for one in tried[0])
    close = [number for number, value in enumerate(quality) if value >= max(quality) * (1 - tolerance)]
    best = max(close, key=lambda number: sum(one.facts.items_shown for one in tried[number]))
    return recipe.varied(fitted[0].variants()[best]), tried[best]
