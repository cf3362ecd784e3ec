"""The study of a shop: which method each placement should get, proven on the shop's own past.

The order of the steps belongs here: plan windows, see what the data can carry, search parameters, measure every method
on every validation window, choose, and make the chosen methods ready for today. Nothing of or after the day after
`through` is ever looked at.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import polars as pl
from pydantic import JsonValue

from ml_assets.methods import SOURCES
from ml_assets.models.metrics.intervals import relative_half_width
from ml_assets.models.metrics.measures import Measure, Measures
from ml_assets.models.ranking.candidates import Pool
from ml_assets.models.ranking.method import Lesson, Method, Single
from ml_assets.models.ranking.ranker import Ranker, why_not_loaded
from ml_assets.models.ranking.recipes import COMBINATIONS, Recipe, combination, single
from ml_assets.models.recommenders.registry import Parameters, fit_sources, parameters_of
from ml_assets.models.selection.capacity import MIN_LESSON_CUSTOMERS, Capacity
from ml_assets.models.selection.choose import CHAMPION, YARDSTICKS, Choice, choose
from ml_assets.models.selection.entrants import QUICK, off_in_words, sampled, suits, taught
from ml_assets.models.selection.past import Past
from ml_assets.models.selection.search import search_parameters
from ml_assets.models.selection.windows import LEAST_HISTORY, LESSONS, Plan, plan_windows
from ml_assets.settings.shop import Settings

Report = Callable[[str], None]
CHOSEN, YARDSTICK = "chosen", "yardstick"
TOLERANCE = 0.05
"""Part of the half width of an interval within which two variants are taken as equal."""


@dataclass
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
    sayings: list[str] = field(default_factory=list)
    """What the data can carry, in sentences."""

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
    report: Report = lambda _: None,
) -> Study:
    """Find the method of every placement from the events up to and including `through`."""
    known = events.filter(pl.col("day") <= through)
    studying = _Studying(
        known,
        catalogue,
        first_day=first_day,
        through=through,
        settings=settings,
        champions=champions or {},
        report=report,
    )
    return studying.run()


class _Studying:
    """One run of the study, step by step."""

    def __init__(
        self,
        events: pl.LazyFrame,
        catalogue: pl.DataFrame,
        *,
        first_day: date,
        through: date,
        settings: Settings,
        champions: Mapping[str, Recipe],
        report: Report,
    ) -> None:
        self._options = settings.recommender
        self._events = sampled(events, self._options.selection.max_customers)
        self._catalogue = catalogue
        self._through = through
        self._settings = settings
        self._champions = champions
        self._report = report
        self._placements = self._options.enabled_placements
        selection = self._options.selection
        self._quick = selection.effort == "quick"
        self._windows = 1 if self._quick else selection.windows
        self._plan = plan_windows(first_day, through, self._options.evaluation_days, self._windows)
        self._history = (through - first_day).days + 1
        self._measures = Measures()
        self._lessons: list[Lesson] = []

    def run(self) -> Study:
        """The whole study."""
        today = self._past(self._through + timedelta(days=1), [1])
        capacity = Capacity.of(today.snapshot)
        off = capacity.switched_off()
        if not self._quick and Ranker.name not in off and (missing := why_not_loaded()):
            off[Ranker.name] = missing
        sayings = [capacity.in_words(), *off_in_words(off)]
        if self._plan is None:
            return self._unjudged(capacity, sayings)
        singles = self._singles(off)
        newest = self._past(self._plan.cutoffs[0], self._plan.horizons)
        tuned, trials = self._tuned(newest, singles)
        if trials:
            seconds = self._options.selection.search_seconds
            sayings.append(f"{trials} sets of parameters were tried in the {seconds:g} s allowed.")
        kinds = self._kinds(off, newest)
        validated = self._measure_singles(newest, singles, tuned, kinds)
        combinations = self._measure_combinations(validated, singles, tuned, kinds)
        recipes = {name: single(name, tuned) for name in singles}
        self._measure_champions(validated, recipes, combinations)
        choices = {placement: choose(self._measures, placement) for placement in self._placements}
        chosen = {
            placement: recipes.get(choice.method) or combinations[choice.method, taught(placement)]
            for placement, choice in choices.items()
        }
        return Study(
            through=self._through,
            plan=self._plan,
            capacity=capacity,
            measures=self._measures,
            choices=choices,
            recipes=chosen,
            methods={placement: self._fitted(recipe, placement) for placement, recipe in chosen.items()},
            sayings=sayings,
        )

    def _past(self, cutoff: date, horizons: Sequence[int]) -> Past:
        return Past.of(self._events, self._catalogue, cutoff=cutoff, horizons=horizons, settings=self._settings)

    def _unjudged(self, capacity: Capacity, sayings: list[str]) -> Study:
        shortest = min(self._options.evaluation_days) + LEAST_HISTORY.days
        why = (
            f"{self._history} days of history are too few to judge anything ({shortest} are needed): "
            "the simple method is used."
        )
        methods = {placement: YARDSTICKS[placement][0] for placement in self._placements}
        recipes = {placement: single(method, self._defaults([])) for placement, method in methods.items()}
        return Study(
            through=self._through,
            plan=None,
            capacity=capacity,
            measures=self._measures,
            choices={name: Choice(name, method, method, 0.0, why) for name, method in methods.items()},
            recipes=recipes,
            methods={placement: recipe.make() for placement, recipe in recipes.items()},
            sayings=[*sayings, why],
        )

    def _singles(self, off: Mapping[str, str]) -> list[str]:
        """Sources that compete: those allowed and carried by the data, and the yardsticks."""
        allowed: Sequence[str] = self._options.selection.methods or (QUICK if self._quick else list(SOURCES))
        yardsticks = {name for placement in self._placements for name in YARDSTICKS[placement]} | {"popularity"}
        return [name for name in SOURCES if (name in allowed and name not in off) or name in yardsticks]

    def _kinds(self, off: Mapping[str, str], newest: Past) -> list[str]:
        """Combinations that compete."""
        allowed: Sequence[str] = self._options.selection.methods or list(COMBINATIONS)
        kinds = [name for name in COMBINATIONS if name in allowed and name not in off]
        if self._quick or self._plan is None or len(self._plan.cutoffs) < 2:
            return []
        return kinds if newest.judged >= MIN_LESSON_CUSTOMERS else [kind for kind in kinds if kind != Ranker.name]

    def _defaults(self, names: Sequence[str]) -> dict[str, dict[str, JsonValue]]:
        """Parameters before any search: the settings', then those of the champions, so that nothing wanders."""
        found = parameters_of(self._options, [*names, "popularity"])
        for recipe in self._champions.values():
            for name, given in recipe.sources.items():
                if name in found:
                    found[name] |= given
        return found

    def _tuned(self, newest: Past, singles: Sequence[str]) -> tuple[dict[str, dict[str, JsonValue]], int]:
        seconds = 0.0 if self._quick else self._options.selection.search_seconds
        if seconds:
            self._report(f"searching parameters of {len(singles)} methods")
        return search_parameters(newest, singles, self._defaults(singles), seconds=seconds, report=self._report)

    def _measure_singles(
        self, newest: Past, singles: Sequence[str], tuned: Parameters, kinds: Sequence[str]
    ) -> list[tuple[Past, Pool]]:
        """Measure every source on the validation windows; keep a lesson of each window that combinations need."""
        cutoffs = self._plan.cutoffs if self._plan else ()
        wanted = min(self._windows, len(cutoffs) - bool(kinds))
        validated = []
        for number, cutoff in enumerate(cutoffs[: wanted + LESSONS if kinds else wanted]):
            self._report(f"judging {len(singles)} methods on the window from {cutoff}")
            past = newest if number == 0 else self._past(cutoff, newest.horizons)
            purchases = past.snapshot.purchases
            pool = past.pool(fit_sources(purchases, tuned).scores(purchases), self._options.depth)
            self._lessons.append(past.lesson(pool))
            if number < wanted:
                validated.append((past, pool))
                for name in singles:
                    placements = [placement for placement in self._placements if suits(name, placement)]
                    self._measures.add(past.measure(name, Single(name), pool, placements))
        return validated

    def _measure_combinations(
        self, validated: list[tuple[Past, Pool]], singles: Sequence[str], tuned: Parameters, kinds: Sequence[str]
    ) -> dict[tuple[str, str], Recipe]:
        """Measure each kind of combination, fitted for each window on older ones; the recipes by kind and teacher."""
        teachers = list(dict.fromkeys(taught(placement) for placement in self._placements))
        tasks = [(kind, teacher) for kind in kinds for teacher in teachers]
        if tasks:
            self._report(f"teaching {' and '.join(kinds)} for {' and '.join(teachers)} on {len(validated)} windows")

        def teach(task: tuple[str, str]) -> tuple[Recipe, list[Measure]]:
            kind, teacher = task
            fixed: dict[str, JsonValue] = {"seed": self._options.seed} if kind == Ranker.name else {}
            return self._best_variant(validated, combination(kind, list(singles), tuned, **fixed), teacher)

        # Trees grow on one thread each: two of them side by side beat one on two threads, which wait for each other.
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            taught_ones = list(pool.map(teach, tasks))
        for _, measures in taught_ones:
            self._measures.add(measures)
        return {task: recipe for task, (recipe, _) in zip(tasks, taught_ones, strict=True)}

    def _best_variant(
        self, validated: list[tuple[Past, Pool]], recipe: Recipe, teacher: str
    ) -> tuple[Recipe, list[Measure]]:
        """The variant that is best over all windows, and what it measures on each.

        Of those that differ by less than chance easily explains, the one that shows most different items.
        """
        placements = [placement for placement in self._placements if taught(placement) == teacher]
        fitted = [self._learned(recipe.make().draft(), teacher, after=number) for number in range(len(validated))]
        tried = []
        for variants in zip(*(method.variants() for method in fitted), strict=True):
            measures: list[Measure] = []
            for method, (past, pool) in zip(variants, validated, strict=True):
                measures += past.measure(recipe.method, method, pool, placements)
            tried.append(measures)
        quality = [sum(one.ndcg for one in measures) for measures in tried]
        tolerance = TOLERANCE * max(relative_half_width(one.metrics.ndcg) for one in tried[0])
        close = [number for number, value in enumerate(quality) if value >= max(quality) * (1 - tolerance)]
        best = max(close, key=lambda number: sum(one.facts.items_shown for one in tried[number]))
        return recipe.varied(fitted[0].variants()[best]), tried[best]

    def _measure_champions(
        self,
        validated: list[tuple[Past, Pool]],
        singles: Mapping[str, Recipe],
        combinations: Mapping[tuple[str, str], Recipe],
    ) -> None:
        """Measure the recipe that scores now on the same windows, afresh only where no challenger has the same."""
        for placement in self._placements:
            recipe = self._champions.get(placement)
            if recipe is None:
                continue
            same = singles.get(recipe.method) or combinations.get((recipe.method, taught(placement)))
            if same == recipe:
                known = self._measures.of(placement, recipe.method)
                self._measures.add(replace(one, method=CHAMPION) for one in known)
                continue
            self._report(f"judging the champion of {placement} on the same windows")
            self._measures.add(self._cooked_again(recipe, placement, validated))

    def _cooked_again(self, recipe: Recipe, placement: str, validated: list[tuple[Past, Pool]]) -> list[Measure]:
        """A recipe of its own parameters, fitted and judged on the validation windows."""
        prepared = []
        learns = recipe.make().learns
        cutoffs = self._plan.cutoffs if self._plan else ()
        for cutoff in cutoffs[: len(validated) + (LESSONS if learns else 0)]:
            past = self._past(cutoff, self._plan.horizons if self._plan else [])
            purchases = past.snapshot.purchases
            scores = fit_sources(purchases, recipe.sources).scores(purchases)
            prepared.append((past, past.pool(scores, self._options.depth)))
        measures = []
        for number, (past, pool) in enumerate(prepared[: len(validated)]):
            older = [past.lesson(pool) for past, pool in prepared[number + 1 : number + 1 + LESSONS]]
            method = recipe.make()
            if not learns or older:
                fitted = method.draft().fit(older, taught(placement)) if learns else method
                measures += past.measure(CHAMPION, fitted, pool, [placement])
        return measures

    def _fitted(self, recipe: Recipe, placement: str) -> Method:
        """A method that learned from the newest windows."""
        return self._learned(recipe.make(), placement, after=-1)

    def _learned(self, method: Method, placement: str, *, after: int) -> Method:
        """The method, having learned from the windows older than window `after`; -1: from the newest."""
        return (
            method.fit(self._lessons[after + 1 : after + 1 + LESSONS], taught(placement)) if method.learns else method
        )
