"""A model that fills one list by one method, beside the champion: what another method would have shown.

Which lists are made so is decided by experiments; ranking is in `prepared.py`.
"""

from dataclasses import replace

import polars as pl

from ml_assets.models.ranking.method import Single
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.registry import FittedSources, fit_sources, parameters_of
from ml_assets.settings.recommender import RecommenderSettings


def with_one_method(
    champion: RecommenderModel,
    method: str,
    placement: str,
    interactions: pl.DataFrame,
    *,
    items: pl.DataFrame,
    settings: RecommenderSettings,
) -> RecommenderModel:
    """The champion with a single recommender for a placement, as the champion has it or else fitted on what it knew.

    `interactions` after the day that the champion was trained through are ignored.
    """
    made = Single(method)
    known = champion.sources.methods
    lacking = [name for name in made.needs if name not in known]
    fitted = FittedSources({})
    if lacking:
        through = champion.card.trained_through
        past = interactions.filter(pl.col("order_day") <= through)
        fitted = fit_sources(Purchases.of(past, through, items), parameters_of(settings, lacking))
    sources = FittedSources({name: (known | fitted.methods)[name] for name in made.needs})
    card = champion.card.model_copy(update={"version": f"{method} of {champion.card.version}"})
    return replace(champion, card=card, sources=sources, methods={placement: made})
