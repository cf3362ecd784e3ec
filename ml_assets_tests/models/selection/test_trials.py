"""Where a change of method needs a live win, the champion's method goes on, and the chosen one is tried beside it."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from ml_assets.features.interactions import build_interactions
from ml_assets.models.ranking.recipes import Recipe, single
from ml_assets.models.selection.choose import CHAMPION
from ml_assets.models.selection.decisions import decide_placements
from ml_assets.models.selection.study import Study
from ml_assets.models.selection.trials import KnownTrials, TrialPlan, as_scored, as_tried, plan_trials
from ml_assets.models.training import fit_recommender
from ml_assets.settings.recommender import SelectionSettings
from ml_assets_tests.models.purchase_frames import END, catalogue, made_shop
from ml_assets_tests.models.studies import quick_settings, studied

SETTINGS = quick_settings()
LIST = "discover"
# Another parameter than that of the popularity that competes.
POPULARITY = single("popularity", {"popularity": {"days": 9}})
OTHER = "personal_blend"
AGAIN = date(2026, 3, 1)


@pytest.fixture(scope="module")
def transactions() -> pl.DataFrame:
    return made_shop(customers=300)


@pytest.fixture(scope="module")
def study(transactions: pl.DataFrame) -> Study:
    """Of a shop whose best-sellers score, where another method is better and two may be on trial."""
    trials = {LIST: OTHER, "buy_again": "popularity"}
    return studied(transactions, catalogue(), SETTINGS, champions={LIST: POPULARITY}, trials=trials)


def planned(study: Study, champions: dict[str, Recipe] | None = None, **known: object) -> TrialPlan:
    scoring = {LIST: POPULARITY} if champions is None else champions
    return plan_trials(study, scoring, KnownTrials(**known), SelectionSettings())  # type: ignore[arg-type]


def test_the_champion_goes_on_with_newer_data_and_the_better_method_is_tried(
    study: Study, transactions: pl.DataFrame
) -> None:
    better = study.choices[LIST].method
    assert better != "popularity"
    plan = planned(study)
    (kept,), (tried,) = plan.kept.values(), plan.tried.values()
    assert (kept.promoted, kept.placement, kept.method) == (True, LIST, "popularity")
    assert (tried.promoted, tried.placement, tried.method) == (False, LIST, better)
    assert "is on trial; NDCG +" in kept.reason
    assert kept.facts["gain_over_champion"] == 0 < tried.facts["gain_over_champion"]
    decided = decide_placements(study, {}, SETTINGS.recommender, plan.kept)
    assert [one.method for one in decided if one.placement == LIST] == ["popularity"]

    options = SETTINGS.recommender
    interactions = build_interactions(
        transactions.lazy(), as_of=END, lookback_days=365, weights={"purchase": 1.0}
    ).collect()
    scored, other = (
        fit_recommender(interactions, catalogue(), one, options)
        for one in (as_scored(study, plan), as_tried(study, plan))
    )
    assert scored.card.version != other.card.version
    assert set(other.methods) == {LIST} < set(scored.methods)
    assert scored.card.parameters["placements"][LIST] == POPULARITY.as_json()  # type: ignore[call-overload, index]
    # Each is held to what was measured of itself.
    measured = study.summary().filter(pl.col("placement") == LIST, pl.col("horizon") == 7)
    for model, name in ((scored, CHAMPION), (other, better)):
        (rate,) = measured.filter(pl.col("method") == name)["hit_rate"]
        assert model.card.metrics[f"{LIST}_7d_recommender_hit_rate"] == pytest.approx(rate, abs=1e-6)


def test_a_trial_that_runs_goes_on_whatever_is_chosen(study: Study) -> None:
    running = planned(study, running={LIST: OTHER})
    assert running.tried[LIST].method == OTHER
    assert "waits until personal_blend is not on trial" in running.kept[LIST].reason
    assert as_tried(study, running).recipes[LIST].method == OTHER
    chosen = study.choices["buy_again"].method
    same = planned(study, {"buy_again": single(chosen, {})}, running={"buy_again": "popularity"})
    assert (dict(same.kept), same.tried["buy_again"].method) == ({}, "popularity")
    # What the data do not carry any more is not fitted again.
    gone = planned(study, running={LIST: "ranker"})
    assert (list(gone.kept), dict(gone.tried)) == ([LIST], {})


def test_a_method_that_was_dropped_is_not_tried_again_for_a_while(study: Study) -> None:
    plan = planned(study, dropped={(LIST, study.choices[LIST].method): AGAIN})
    assert dict(plan.tried) == {}
    assert "not tried again before 2026-03-01" in plan.kept[LIST].reason
    assert planned(study, dropped={("for_you", study.choices[LIST].method): AGAIN}).tried


def test_a_method_that_the_backtest_refuses_is_not_tried(study: Study) -> None:
    few = [replace(one, facts=replace(one.facts, coverage=0.001)) if one.method == study.choices[LIST].method else one
           for one in study.measures.of(LIST, study.choices[LIST].method)]  # fmt: skip
    measures = type(study.measures)(
        [*(one for one in study.measures.all if one.method != study.choices[LIST].method), *few]
    )
    plan = planned(replace(study, measures=measures))
    assert dict(plan.tried) == {}
    assert "is not tried: it shows 0.10% of the items" in plan.kept[LIST].reason


def test_old_weeks_first_models_and_short_histories_begin_no_trial(study: Study) -> None:
    old = planned(study, may_begin=False)
    assert (old.kept[LIST].method, dict(old.tried)) == ("popularity", {})
    assert planned(study, {}) == TrialPlan({}, {})
    assert planned(replace(study, plan=None)) == TrialPlan({}, {})
