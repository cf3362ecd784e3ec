"""Who takes part in a study: which methods, with which parameters, for which placements, and on which customers.

Rules about names and rows only; measuring and choosing are done elsewhere.
"""

from collections.abc import Mapping, Sequence

import polars as pl
from pydantic import JsonValue

from ml_assets.methods import METHODS, PERSONAL, SOURCES
from ml_assets.models.boosting import why_not_loaded
from ml_assets.models.placements import REPEATS
from ml_assets.models.ranking.ranker import Ranker
from ml_assets.models.ranking.recipes import COMBINATIONS, Recipe, combination
from ml_assets.models.recommenders.registry import Parameters, parameters_of
from ml_assets.models.selection.capacity import MIN_LESSON_CUSTOMERS, Capacity
from ml_assets.models.selection.choose import yardsticks_of
from ml_assets.models.selection.plan import Plan
from ml_assets.models.selection.repeats import Repeats
from ml_assets.settings.recommender import RecommenderSettings, SelectionSettings

QUICK = [name for name, source in SOURCES.items() if source.is_quick]
"""Recommenders that compete beside the yardsticks where the effort is quick."""

SHARED = {"buy_again": "for_you"}
"""Placements that use the combination of another one, which ranks what was bought before as well."""


def taught(placement: str) -> str:
    """The placement for which the combinations of this one learn."""
    return SHARED.get(placement, placement)


def suits(source: str, placement: str) -> bool:
    """Whether a source may fill a placement: what says nothing of repeats does not rank them."""
    return SOURCES[source].repeats or REPEATS[placement] != "only"


def switched_off(capacity: Capacity, repeats: Repeats, selection: SelectionSettings) -> dict[str, str]:
    """Methods that the data or the machine cannot carry, with the reason."""
    off = capacity.switched_off()
    if not repeats.occur:
        personal = [name for name, row in SOURCES.items() if row.tier == PERSONAL or row.needs == "repeats"]
        off |= dict.fromkeys(personal, "purchases do not recur")
    if selection.effort == "full" and Ranker.name not in off and (missing := why_not_loaded()):
        off[Ranker.name] = missing
    return off


def competing_sources(options: RecommenderSettings, off: Mapping[str, str]) -> list[str]:
    """Sources that compete: those allowed and carried by the data, and the yardsticks."""
    selection = options.selection
    allowed: Sequence[str] = selection.methods or (QUICK if selection.effort == "quick" else list(SOURCES))
    may_repeat = options.repeats != "do_not_occur"
    yardsticks = {
        name for placement in options.enabled_placements for name in yardsticks_of(placement, may_repeat=may_repeat)
    } | {"popularity"}
    return [name for name in SOURCES if (name in allowed and name not in off) or name in yardsticks]


def competing_combinations(
    options: RecommenderSettings, off: Mapping[str, str], plan: Plan, sources: Parameters, *, judged: int
) -> list[Recipe]:
    """Combinations of the sources that compete, where there are windows and `judged` customers to learn from."""
    if options.selection.effort == "quick" or len(plan.cutoffs) < 2:
        return []
    allowed: Sequence[str] = options.selection.methods or list(COMBINATIONS)
    kinds = [name for name in COMBINATIONS if name in allowed and name not in off]
    if judged < MIN_LESSON_CUSTOMERS:
        kinds = [kind for kind in kinds if kind != Ranker.name]
    seed: dict[str, dict[str, JsonValue]] = {Ranker.name: {"seed": options.seed}}
    heard = [name for name in sources if SOURCES[name].is_combined]
    return [combination(kind, heard, sources, **seed.get(kind, {})) for kind in kinds]


def starting_parameters(
    options: RecommenderSettings, names: Sequence[str], champions: Mapping[str, Recipe]
) -> dict[str, dict[str, JsonValue]]:
    """Parameters before any search: the settings', then those of the champions, so that nothing wanders."""
    found = parameters_of(options, [*names, "popularity"])
    for recipe in champions.values():
        for name, given in recipe.sources.items():
            if name in found:
                found[name] |= given
    return found


def off_in_words(off: Mapping[str, str]) -> list[str]:
    """One sentence per reason to switch methods off."""
    reasons = dict.fromkeys(off.values())
    return [
        f"Switched off: {', '.join(METHODS[name].words for name, why in off.items() if why == reason)} ({reason})."
        for reason in reasons
    ]


def sampled(events: pl.LazyFrame, most: int) -> pl.LazyFrame:
    """The events of every n-th customer in the order of ids, so that at most `most` remain; nothing is random.

    Guests are customers of one order each.
    """
    is_guest = pl.col("customer_id").is_null()
    customers = events.select(pl.col("customer_id").drop_nulls().unique()).collect()["customer_id"].sort()
    orders = events.filter(is_guest).select("day", "order_id").unique().collect().sort("day", "order_id")
    step = -(-(len(customers) + orders.height) // most)
    if step <= 1:
        return events
    kept = events.filter(pl.col("customer_id").is_in(customers.gather_every(step).implode()))
    if orders.is_empty():
        return kept
    guests = events.filter(is_guest).join(orders.gather_every(step).lazy(), on=["day", "order_id"], how="semi")
    return pl.concat([kept, guests])
