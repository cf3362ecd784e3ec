"""Models for tests without a study: a chosen method for every placement, fitted on the given interactions."""

from datetime import date, timedelta

import polars as pl

from ml_assets.models.metrics.measures import Measures
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.recipes import single
from ml_assets.models.ranking.recommend import recommend
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.selection.capacity import Capacity
from ml_assets.models.selection.choose import Choice
from ml_assets.models.selection.repeats import Repeats
from ml_assets.models.selection.study import Study, study_shop
from ml_assets.models.training import fit_recommender
from ml_assets.settings.recommender import RecommenderSettings, SelectionSettings
from ml_assets.settings.shop import Settings
from ml_assets_tests.models.purchase_frames import END

METHODS = {"for_you": "personal_blend", "discover": "ease", "buy_again": "decayed_frequency"}
PARAMETERS = {"ease": {"min_item_buyers": 2}, "personal_blend": {"neighbours": 10}}


def study_of(
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    settings: RecommenderSettings,
    methods: dict[str, str] | None = None,
    through: date = END,
) -> Study:
    """As if these methods had been chosen."""
    chosen = methods or METHODS
    recipes = {name: single(method, PARAMETERS) for name, method in chosen.items()}
    capacity = Capacity.of(Snapshot.of(interactions, items, through, settings))
    return Study(
        through=through,
        plan=None,
        capacity=capacity,
        measures=Measures(),
        choices={name: Choice(name, method, method, 0.0, "Chosen by the test.") for name, method in chosen.items()},
        recipes=recipes,
        methods={name: recipe.make() for name, recipe in recipes.items()},
        repeats=Repeats.of(capacity, settings),
    )


def train(
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    settings: RecommenderSettings,
    methods: dict[str, str] | None = None,
    through: date = END,
) -> RecommenderModel:
    """A model of single methods."""
    return fit_recommender(interactions, items, study_of(interactions, items, settings, methods, through), settings)


def lists_of(
    model: RecommenderModel,
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    settings: RecommenderSettings,
    as_of: date = END,
    **more: object,
) -> pl.DataFrame:
    """The lists of all placements of a model."""
    models = dict.fromkeys(model.methods, model)
    return recommend(models, interactions, items, as_of=as_of, settings=settings, **more).lists  # type: ignore[arg-type]


def quick_settings(**recommender: object) -> Settings:
    """Settings whose studies take a second."""
    selection = {"effort": "quick", "windows": 1, **recommender.pop("selection", {})}  # type: ignore[dict-item]
    options = {"k": 5, "stored": 10, "min_item_buyers": 2, "evaluation_days": [7, 20], **recommender}
    return Settings.model_construct(
        recommender=RecommenderSettings(selection=SelectionSettings(**selection), **options)
    )


def studied(
    transactions: pl.DataFrame, items: pl.DataFrame, settings: Settings, through: date = END, **more: object
) -> Study:
    """The study of made-up transactions."""
    first = min(transactions["day"], default=through - timedelta(days=1))
    return study_shop(
        transactions.lazy(),
        items,
        first_day=first,
        through=through,
        settings=settings,
        **more,  # type: ignore[arg-type]
    )
