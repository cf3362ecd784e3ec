"""Where a change of method needs a live win: which methods go on scoring, and which are fitted for a trial.

The rule belongs here; it sees a study and what is known of trials. Registering is done elsewhere, and what becomes of
trials is decided by their experiments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from ml_assets.methods import METHODS
from ml_assets.models.metrics.measures import Measures
from ml_assets.models.ranking.recipes import Recipe
from ml_assets.models.selection.choose import CHAMPION, Choice
from ml_assets.models.selection.decisions import PlacementDecision
from ml_assets.models.selection.promotion import Decision, decide_promotion
from ml_assets.models.selection.study import Study
from ml_assets.settings.recommender import SelectionSettings


@dataclass(frozen=True)
class KnownTrials:
    """What the registry knows of trials when a week is trained."""

    running: Mapping[str, str] = field(default_factory=dict)
    """The method that is on trial, by placement."""
    dropped: Mapping[tuple[str, str], date] = field(default_factory=dict)
    """By placement and method, the day from which a method that was dropped may be tried again."""
    may_begin: bool = True
    """Whether a trial may begin: not by the training of a week that is not the newest."""


@dataclass(frozen=True)
class TrialPlan:
    """What is registered of the placements whose method would change, or is on trial."""

    kept: Mapping[str, PlacementDecision] = field(default_factory=dict)
    """Placements whose champion goes on with newer data, although another method was chosen."""
    tried: Mapping[str, PlacementDecision] = field(default_factory=dict)
    """Placements with a method on trial."""


def plan_trials(
    study: Study, champions: Mapping[str, Recipe], known: KnownTrials, settings: SelectionSettings
) -> TrialPlan:
    """Keep the champion's method of every placement, and try the chosen one where it is another.

    A placement has one trial at a time. Where nothing was judged, or nothing scores yet, the backtest promotes.
    """
    kept: dict[str, PlacementDecision] = {}
    tried: dict[str, PlacementDecision] = {}
    for placement, choice in study.choices.items():
        champion = champions.get(placement)
        if study.plan is None or champion is None:
            continue
        found = _judged(study, choice, choice.method, settings)
        wanted = choice.method != champion.method
        method, why = _on_trial(study, choice, champion, found, known)
        if method:
            tried[placement] = _tried(study, choice, method, settings)
        if wanted:
            facts = _judged(study, choice, CHAMPION, settings).facts
            reason = f"Promoted: {METHODS[champion.method].words} with newer data. {why}"
            kept[placement] = PlacementDecision(True, reason, facts, placement, champion.method, choice.reason)
    return TrialPlan(kept, tried)


def as_scored(study: Study, plan: TrialPlan) -> Study:
    """The study as if the champions that are kept had been chosen."""
    return _instead(study, dict.fromkeys(plan.kept, CHAMPION))


def as_tried(study: Study, plan: TrialPlan) -> Study:
    """The study of the placements with a trial alone, as if the methods on trial had been chosen."""
    instead = _instead(study, {name: one.method for name, one in plan.tried.items()})
    return replace(
        instead,
        measures=Measures(one for one in instead.measures.all if one.placement in plan.tried),
        choices={name: instead.choices[name] for name in plan.tried},
        recipes={name: instead.recipes[name] for name in plan.tried},
        methods={name: instead.methods[name] for name in plan.tried},
    )


def _on_trial(
    study: Study, choice: Choice, champion: Recipe, found: Decision, known: KnownTrials
) -> tuple[str | None, str]:
    """The method that is, or goes, on trial for a placement, and what the chosen one waits for, in a sentence."""
    placement, words = choice.placement, f"{METHODS[choice.method].words[:1].upper()}{METHODS[choice.method].words[1:]}"
    running, again_from = known.running.get(placement), known.dropped.get((placement, choice.method))
    if running and running != champion.method:
        # A method that the data do not carry any more goes on as it was trained before.
        is_made = running == choice.method or (running, placement) in study.beside
        waits = f"is on trial{_gain(found)}" if running == choice.method else f"waits until {running} is not on trial"
        return (running if is_made else None), f"{words} {waits}."
    if choice.method == champion.method:
        return None, ""
    if not found.promoted:
        return None, f"{words} is not tried: {found.reason.removeprefix('Refused: ')}"
    if again_from is not None:
        return None, f"{words} did not win its trial and is not tried again before {again_from}."
    if not known.may_begin:
        return None, f"{words} is not tried: this week is not the newest."
    return choice.method, f"{words} is on trial{_gain(found)}."


def _tried(study: Study, choice: Choice, method: str, settings: SelectionSettings) -> PlacementDecision:
    found = _judged(study, choice, method, settings)
    reason = f"On trial: it scores once customers who see it buy more{_gain(found)}."
    return PlacementDecision(False, reason, found.facts, choice.placement, method, choice.reason)


def _gain(found: Decision) -> str:
    gain = found.facts.get("gain_over_champion")
    return "" if gain is None else f"; NDCG {gain:+.1%} against the champion on the same windows"


def _judged(study: Study, choice: Choice, name: str, settings: SelectionSettings) -> Decision:
    """A method, or the champion itself, held against the yardstick and the champion."""
    return decide_promotion(
        study.measures.of(choice.placement, name),
        study.measures.of(choice.placement, choice.yardstick),
        study.measures.of(choice.placement, CHAMPION),
        is_yardstick=name == choice.yardstick,
        trained_through=study.through,
        champion_through=None,
        settings=settings,
    )


def _instead(study: Study, names: Mapping[str, str]) -> Study:
    """The study as if other methods had been chosen, by placement: that of the champion (CHAMPION), or one on trial."""
    ready = {
        placement: study.beside[name, placement]
        for placement, name in names.items()
        if (name, placement) in study.beside
    }
    champions = {placement: ready[placement][0].method for placement in ready if names[placement] == CHAMPION}
    return replace(
        study,
        # What was measured of the champion's own recipe stands for its method.
        measures=Measures(
            replace(one, method=champions[one.placement])
            if one.method == CHAMPION and one.placement in champions
            else one
            for one in study.measures.all
            if champions.get(one.placement) != one.method
        ),
        choices={
            placement: replace(choice, method=ready[placement][0].method) if placement in ready else choice
            for placement, choice in study.choices.items()
        },
        recipes=study.recipes | {placement: recipe for placement, (recipe, _) in ready.items()},
        methods=study.methods | {placement: method for placement, (_, method) in ready.items()},
    )
