"""A champion that learned to combine methods goes on learning while another method is on trial beside it."""

import polars as pl
import pytest

from ml_assets.features.interactions import build_interactions
from ml_assets.models.ranking.recipes import Recipe, combination
from ml_assets.models.selection.trials import KnownTrials, as_scored, as_tried, plan_trials
from ml_assets.models.training import fit_recommender
from ml_assets.settings.recommender import SelectionSettings
from ml_assets_tests.models.purchase_frames import END, catalogue, made_shop
from ml_assets_tests.models.studies import lists_of, quick_settings, studied

LIST = "discover"
# In a shop as small as this the challenger may well lose its backtest, which is not what is asked here.
GENEROUS = SelectionSettings(margin=1, min_coverage=0)
SOURCES = ["popularity", "personal_blend"]
SETTINGS = quick_settings(selection={"windows": 2, "methods": SOURCES})


@pytest.mark.parametrize("kind", ["fusion", "ranker"])
def test_a_learned_champion_goes_on_with_newer_data_beside_a_challenger(kind: str) -> None:
    champion: Recipe = combination(kind, SOURCES, {})
    shop, options = made_shop(customers=300), SETTINGS.recommender
    study = studied(shop, catalogue(), SETTINGS, champions={LIST: champion}, trials={})
    plan = plan_trials(study, {LIST: champion}, KnownTrials(), GENEROUS)
    assert plan.kept[LIST].method == kind
    challenger = plan.tried[LIST].method
    assert challenger in SOURCES
    interactions = build_interactions(shop.lazy(), as_of=END, lookback_days=365, weights={"purchase": 1.0}).collect()
    scored, tried = (
        fit_recommender(interactions, catalogue(), each, options)
        for each in (as_scored(study, plan), as_tried(study, plan))
    )
    assert (scored.methods[LIST].name, set(scored.methods)) == (kind, {*options.enabled_placements})
    assert (tried.methods[LIST].needs[0], set(tried.methods)) == (challenger, {LIST})
    both = [
        lists_of(model, interactions, catalogue(), options).filter(pl.col("placement") == LIST)
        for model in (scored, tried)
    ]
    assert both[0].height == both[1].height > 100
    assert both[0]["item_ids"].to_list() != both[1]["item_ids"].to_list()
