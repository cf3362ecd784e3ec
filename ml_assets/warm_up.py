"""`python -m ml_assets.warm_up`: compile at installation what the first run would compile.

That is the kernels of the recommender and of loading, and the list of fonts. It runs the smallest shop that uses all
of it; what comes out is thrown away, the compiled code stays on disk. Nothing that production calls belongs here.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import matplotlib.font_manager  # noqa: F401 importing it writes the list
import numpy as np
import polars as pl

from ml_assets.features.interactions import build_interactions
from ml_assets.ids import IdTypes
from ml_assets.methods import SOURCES
from ml_assets.models.ranking.fusion import Fusion
from ml_assets.models.ranking.ranker import Ranker
from ml_assets.models.ranking.recipes import single
from ml_assets.models.ranking.recommend import recommend
from ml_assets.models.ranking.related import similar_items
from ml_assets.models.recommenders.ease import Ease
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.registry import fit_sources, parameters_of
from ml_assets.models.selection.study import study_shop
from ml_assets.models.selection.window import Window
from ml_assets.models.training import fit_recommender
from ml_assets.releases.copy.encode import encode
from ml_assets.releases.rows import ReleaseRows, checked
from ml_assets.settings.experiments import ExplorationSettings
from ml_assets.settings.recommender import Placements, PlacementSettings, RecommenderSettings
from ml_assets.settings.shop import Settings
from ml_assets.subjects import PUBLISHED

FIRST, DAYS = date(2024, 1, 1), 20
CUSTOMERS, ITEMS = 60, 12


def main() -> None:
    """Train a model, and ask it for everything."""
    last = FIRST + timedelta(days=DAYS - 1)
    capped = Placements(for_you=PlacementSettings(max_per_category=3))
    options = RecommenderSettings(k=4, stored=6, min_item_buyers=1, placements=capped)
    settings = Settings.model_construct(recommender=options)
    events, items = _events(), _items()
    study = study_shop(events.lazy(), items, first_day=FIRST, through=last, settings=settings)
    # Every method once, whatever so small a shop would get.
    everything = parameters_of(options, SOURCES)
    for source in SOURCES:
        recipes = dict.fromkeys(options.enabled_placements, single(source, everything))
        chosen = replace(study, recipes=recipes, methods={name: recipe.make() for name, recipe in recipes.items()})
        interactions = build_interactions(events.lazy(), as_of=last, lookback_days=400, weights={}).collect()
        model = fit_recommender(interactions, items, chosen, options)
        made = recommend(
            dict.fromkeys(recipes, model),
            interactions,
            items,
            as_of=last,
            settings=options,
            exploration=ExplorationSettings(epsilon=0.1),
        )
    similar_items(model, items, options)
    _encode(made.lists)
    # Shops with fewer customers than items take another way to the same weights.
    few = interactions.filter(pl.col("customer_id") < ITEMS // 3)
    Ease(min_item_buyers=1).fit(Purchases.of(few, last))
    window = Window.of(events.lazy(), items, cutoff=FIRST + timedelta(days=DAYS // 2), horizons=[5], settings=settings)
    purchases = window.snapshot.purchases
    scores = fit_sources(purchases, {"popularity": {}, "tifu_knn": everything["tifu_knn"]}).scores(purchases)
    pool = window.pool(scores, options.depth)
    lesson = window.lesson(pool)
    Fusion(["popularity"]).fit([lesson], "for_you")
    Ranker(["popularity"], rounds=1).fit([lesson], "for_you").score(pool, lesson.description)
    # So small a shop has too few candidates to leave any out.
    pool.promising(np.ones(pool.items.size, np.bool_), 1)
    scores["tifu_knn"].block(pool.block).pairs(pool.starts, pool.items)


def _encode(lists: pl.DataFrame) -> None:
    """As they are published, with whole numbers for ids and with texts."""
    kind = PUBLISHED["recommendations"]
    texts = {"customer_id": pl.String, "item_ids": pl.List(pl.String), "reason_items": pl.List(pl.List(pl.String))}
    for rows in (
        ReleaseRows(kind, checked(kind, lists, IdTypes("bigint", "bigint"))),
        ReleaseRows(kind, checked(kind, lists.cast(texts), IdTypes("text", "text"))),  # type: ignore[arg-type]
    ):
        for block in rows.blocks(CUSTOMERS):
            list(encode(block, 1024))


def _events() -> pl.DataFrame:
    # Every customer leaves out a few items, so that there is something new to recommend.
    pairs = [(customer, item) for customer in range(CUSTOMERS) for item in range(ITEMS) if (customer + item) % 4]
    days = [FIRST + timedelta(days=(customer * item) % DAYS) for customer, item in pairs]
    return pl.DataFrame(
        {
            "customer_id": [customer for customer, _ in pairs],
            "item_id": [item for _, item in pairs],
            "day": days,
            "occurred_at": [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days],
            "order_id": [str(day) for day in days],
            "quantity": [1.0] * len(pairs),
            "amount": [1.0] * len(pairs),
            "event_type": pl.Series([None] * len(pairs), dtype=pl.String),
            "is_return": [False] * len(pairs),
        }
    )


def _items() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "item_id": range(ITEMS),
            # Two have one name, as near-duplicates have.
            "item_name": [f"item {item // 2}" for item in range(ITEMS)],
            "category": ["even" if item % 2 == 0 else "odd" for item in range(ITEMS)],
            "brand": pl.Series([None] * ITEMS, dtype=pl.String),
            "available": pl.Series([None] * ITEMS, dtype=pl.Boolean),
        }
    )


if __name__ == "__main__":
    main()
