"""The study of a shop: which method each placement should get, proven on the shop's own past.

The order of the steps belongs here: plan windows, see what the data can carry, search parameters, measure every method
on every validation window, choose, and make the chosen methods ready for today.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import polars as pl

from ml_assets.models.kernels.csr import Int32
from ml_assets.models.metrics.measures import Measures
from ml_assets.models.ranking.method import Method
from ml_assets.models.ranking.recipes import Recipe, single
from ml_assets.models.recommenders.registry import Parameters
from ml_assets.models.selection.capacity import Capacity
from ml_assets.models.selection.choose import CHAMPION, YARDSTICKS, Choice, choose, yardsticks_of
from ml_assets.models.selection.combining import combine
from ml_assets.models.selection.entrants import (
    competing_combinations,
    competing_sources,
    off_in_words,
    starting_parameters,
    switched_off,
)
from ml_assets.models.selection.history import History
from ml_assets.models.selection.like_today import orders_today, weighted
from ml_assets.models.selection.measuring import (
    PreparedWindow,
    as_champion,
    learned_today,
    measure_champion,
    measure_sources,
    prepare_windows,
    ready_champions,
    ready_methods,
)
from ml_assets.models.selection.plan import LEAST_DAYS, Plan, windows_for
from ml_assets.models.selection.repeats import Repeats
from ml_assets.models.selection.search import search_parameters
from ml_assets.models.selection.window import Window
from ml_assets.progress import Course, Report, silent
from ml_assets.settings.recommender import SelectionSettings
from ml_assets.settings.shop import Settings

CHOSEN, YARDSTICK = "chosen", "yardstick"


@dataclass(frozen=True)
class Study:
    """What was found out."""

    through: date
    """Last day that was looked at."""
    plan: Plan | None
    """None where the history is too short to judge anything."""
    capacity: Capacity
    measures: Measures
    choices: dict[str, Choice]
    recipes: dict[str, Recipe]
    """The recipe of each placement's choice."""
    methods: dict[str, Method]
    """The chosen methods, combinations fitted on the newest windows."""
    repeats: Repeats
    """Whether purchases recur, and so which lists are made."""
    notes: list[str] = field(default_factory=list)
    """What the data can carry, in sentences."""
    competitors: dict[tuple[str, str], tuple[Recipe, Method]] = field(default_factory=dict)
    """Every method of every placement, as ready as the chosen one; where asked for."""
    beside: dict[tuple[str, str], tuple[Recipe, Method]] = field(default_factory=dict)
    """By name and placement, what is as ready where asked for: champions (as CHAMPION) of another method than the one
    chosen, and methods on trial."""

    def summary(self) -> pl.DataFrame:
        """What was measured, over all windows together, with the `role` of each method in its placement: chosen,
        champion, yardstick or none of these."""
        return self.measures.summary().with_columns(
            pl.struct("placement", "method")
            .map_elements(lambda row: self._role(row["placement"], row["method"]), return_dtype=pl.String)
            .alias("role")
        )

    def _role(self, placement: str, method: str) -> str:
        choice = self.choices[placement]
        if method == choice.method:
            return CHOSEN
        if method == CHAMPION:
            return CHAMPION
        return YARDSTICK if method in YARDSTICKS[placement] else ""


def study_shop(
    events: pl.LazyFrame,
    catalogue: pl.DataFrame,
    *,
    first_day: date,
    through: date,
    settings: Settings,
    champions: Mapping[str, Recipe] | None = None,
    trials: Mapping[str, str] | None = None,
    every: bool = False,
    report: Report = silent,
) -> Study:
    """Find the method of every placement from the events up to and including `through`.

    `trials` are the methods on trial by placement: given, though empty, they and champions of another method than the
    one chosen are made ready as well. `every` makes all methods ready, for those who compare.
    """
    history = History.of(events, catalogue, first_day=first_day, through=through, settings=settings)
    today = history.today().snapshot
    capacity = Capacity.of(today)
    repeats = Repeats.of(capacity, settings.recommender)
    history = replace(history, settings=repeats.applied(settings))
    off = switched_off(capacity, repeats, settings.recommender.selection)
    notes = [capacity.in_words(), repeats.rule, *off_in_words(off)]
    if not settings.recommender.enabled_placements:
        return _unjudged(
            history, capacity, repeats, [*notes, "No lists of customers are made, so no method is chosen."]
        )
    plan = history.plan()
    if plan is None:
        return _unjudged(history, capacity, repeats, [*notes, _too_short(history)])
    return _judged(
        history,
        plan,
        today=orders_today(today, plan.days),
        capacity=capacity,
        repeats=repeats,
        off=off,
        notes=notes,
        champions=champions or {},
        trials=trials,
        every=every,
        report=report,
    )


def _unjudged(history: History, capacity: Capacity, repeats: Repeats, notes: list[str]) -> Study:
    """The simple methods, where there is nothing to judge others by."""
    options = history.settings.recommender
    why = notes[-1]
    methods = {
        placement: yardsticks_of(placement, may_repeat=repeats.occur)[0] for placement in options.enabled_placements
    }
    parameters = starting_parameters(options, [], {})
    recipes = {placement: single(method, parameters) for placement, method in methods.items()}
    return Study(
        through=history.through,
        plan=None,
        capacity=capacity,
        measures=Measures(),
        choices={name: Choice(name, method, method, 0.0, why) for name, method in methods.items()},
        recipes=recipes,
        methods={placement: recipe.make() for placement, recipe in recipes.items()},
        repeats=repeats,
        notes=notes,
    )


def _too_short(history: History) -> str:
    return (
        f"{history.days} days of history, or those on which most was bought, are too few to judge anything "
        f"({LEAST_DAYS} are needed): the simple method is used."
    )


def _stand_in(plan: Plan, history: History) -> list[str]:
    """A sentence where the history has no room for windows as long as those asked for."""
    asked = sorted(set(history.settings.recommender.evaluation_days) - set(plan.horizons))
    if not asked:
        return []
    days = " and ".join(str(each) for each in asked)
    return [f"The history is too short for windows of {days} days: those of {plan.days} stand for them."]


def _judged(
    history: History,
    plan: Plan,
    *,
    today: Int32,
    capacity: Capacity,
    repeats: Repeats,
    off: Mapping[str, str],
    notes: list[str],
    champions: Mapping[str, Recipe],
    trials: Mapping[str, str] | None,
    every: bool,
    report: Report,
) -> Study:
    """The best methods, by what they would have done on the windows of the plan."""
    options = history.settings.recommender
    sources = competing_sources(options, off)
    start = starting_parameters(options, sources, champions)
    # As many windows as there may be: who competes is known only after the first.
    course = Course(report, _weights(options.selection, len(plan.cutoffs), champions))
    course.begin("newest", f"reading the window from {plan.cutoffs[0]}")
    newest = history.window(plan.cutoffs[0], plan.horizons)
    tuned, tried = _tuned(newest, start, sources, options.selection, course)
    combinations = competing_combinations(options, off, plan, tuned, judged=newest.judged)
    validated = min(history.validation_windows, len(plan.cutoffs) - bool(combinations))
    count = windows_for(validated, learns=bool(combinations))
    windows = prepare_windows(history, plan, newest, tuned, count=count, course=course)
    measures = Measures(measure_sources(windows[:validated], sources, options.enabled_placements))
    recipes = {(name, placement): single(name, tuned) for name in sources for placement in options.enabled_placements}
    for found in combine(combinations, windows, options.enabled_placements, validated=validated, course=course):
        measures.add(found.measures)
        recipes |= {(found.recipe.method, placement): found.recipe for placement in found.placements}
    for placement in options.enabled_placements:
        recipe = champions.get(placement)
        if recipe is None:
            continue
        if recipe == recipes.get((recipe.method, placement)):
            measures.add(as_champion(measures.of(placement, recipe.method)))
        else:
            course.begin(f"champion of {placement}", f"judging the champion of {placement} on the same windows")
            measures.add(measure_champion(history, plan, recipe, placement, validated=validated))
    measures = Measures(weighted(measures.all, [each.window for each in windows[:validated]], today))
    choices = {placement: choose(measures, placement) for placement in options.enabled_placements}
    chosen = {placement: recipes[choice.method, placement] for placement, choice in choices.items()}
    course.begin(
        "final", f"teaching what was chosen: {', '.join(dict.fromkeys(each.method for each in chosen.values()))}"
    )
    return Study(
        through=history.through,
        plan=plan,
        capacity=capacity,
        measures=measures,
        choices=choices,
        recipes=chosen,
        methods=learned_today(chosen, windows),
        repeats=repeats,
        notes=[*notes, *_stand_in(plan, history), *tried],
        competitors=ready_methods(recipes, windows) if every else {},
        beside={}
        if trials is None
        else _beside(
            history, plan, chosen=chosen, champions=champions, trials=trials, recipes=recipes, windows=windows
        ),
    )


def _beside(
    history: History,
    plan: Plan,
    *,
    chosen: Mapping[str, Recipe],
    champions: Mapping[str, Recipe],
    trials: Mapping[str, str],
    recipes: Mapping[tuple[str, str], Recipe],
    windows: Sequence[PreparedWindow],
) -> dict[tuple[str, str], tuple[Recipe, Method]]:
    """Champions and methods on trial, where another method was chosen."""
    scoring = {
        name: champions[name]
        for name, recipe in chosen.items()
        if name in champions and champions[name].method != recipe.method
    }
    tried = {
        (method, name): recipes[method, name]
        for name, method in trials.items()
        if (method, name) in recipes and method != chosen[name].method
    }
    return ready_champions(history, plan, scoring) | ready_methods(tried, windows)


def _tuned(
    newest: Window, start: Parameters, sources: Sequence[str], selection: SelectionSettings, course: Course
) -> tuple[Parameters, list[str]]:
    """The parameters of every source, and a sentence about the search for them if there was one."""
    seconds = 0.0 if selection.effort == "quick" else selection.search_seconds
    if seconds:
        course.begin("search", f"searching parameters of {len(sources)} methods")
    tuned, trials = search_parameters(newest, sources, start, seconds=seconds, course=course)
    return tuned, [f"{trials} sets of parameters were tried in the {seconds:g} s allowed."] if trials else []


def _weights(selection: SelectionSettings, windows: int, champions: Mapping[str, Recipe]) -> dict[str, float]:
    """Seconds that the steps take with the built-in data on two cores; only how they compare matters."""
    quick = selection.effort == "quick"
    judged = 1 if quick else min(windows, windows_for(selection.windows, learns=True))
    return {
        "newest": 8.0,
        "search": 0.0 if quick else selection.search_seconds,
        "windows": 19.0 * judged,
        "teaching": 0.0 if quick else 45.0 * selection.windows,
        **{f"champion of {placement}": 19.0 * judged for placement in champions},
        "final": 2.0 if quick else 35.0,
    }
