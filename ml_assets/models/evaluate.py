"""Evaluating the recommender as it runs: chosen, tuned and trained before a cut-off, judged by what came after it.

The temporal split and the comparison belong here; the metrics' definitions do not. The full catalogue is ranked and
every customer who buys in the window counts, known or not, because sampled negatives and random splits flatter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
from pydantic import JsonValue

from ml_assets.errors import UserError
from ml_assets.features.customers import build_customer_features
from ml_assets.features.interactions import build_interactions
from ml_assets.models.matrices.sparse_scores import Lists
from ml_assets.models.metrics.evaluation import ListEvaluation
from ml_assets.models.metrics.groups import break_down
from ml_assets.models.metrics.measures import Measures
from ml_assets.models.ranking.method import Single
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.recipes import Recipe
from ml_assets.models.ranking.recommend import recommend
from ml_assets.models.recommenders.purchases import encode
from ml_assets.models.recommenders.registry import fit_sources
from ml_assets.models.segmentation.model import assign
from ml_assets.models.segmentation.train import train_segmentation
from ml_assets.models.selection.choose import CHAMPION, yardsticks_of
from ml_assets.models.selection.study import Study, study_shop
from ml_assets.models.selection.window import K, Window
from ml_assets.models.training import STUDY_ENDS, fit_recommender
from ml_assets.progress import Report, Stage, part_of, silent
from ml_assets.settings.shop import Settings

RECOMMENDER = "recommender"


def evaluate(
    transactions: pl.LazyFrame | pl.DataFrame,
    items: pl.DataFrame,
    *,
    cutoff: date,
    horizons: Sequence[int],
    settings: Settings,
    champions: Mapping[str, Recipe] | None = None,
    report: Report = silent,
) -> ListEvaluation:
    """Choose and train on the days before `cutoff`, recommend as of the day before, judge by the days from it on.

    `transactions` holds days on both sides. Customers without purchases before the cut-off get the popular list.
    Methods are chosen for the horizons that are judged. The recipes of `champions` are trained on the same days.
    Raises `UserError` where there are no days to learn from or none to judge by.
    """
    events = transactions.lazy()
    options = settings.recommender.model_copy(update={"evaluation_days": sorted(set(horizons))})
    settings = settings.model_copy(update={"recommender": options})
    as_of = cutoff - timedelta(days=1)
    first_day = events.select(pl.col("day").min()).collect().item()
    if first_day is None or first_day >= cutoff:
        raise _nothing("before", cutoff)
    study = study_shop(
        events,
        items,
        first_day=first_day,
        through=as_of,
        settings=settings,
        champions=champions,
        report=part_of(report, 0.0, STUDY_ENDS),
    )
    settings = study.repeats.applied(settings)
    window = Window.of(events, items, cutoff=cutoff, horizons=options.evaluation_days, settings=settings)
    if not any(judge.customers for judge in window.judges):
        raise _nothing("from", cutoff)
    interactions = build_interactions(
        events, as_of=as_of, lookback_days=settings.lookback_days, weights=settings.events.weights
    ).collect()
    report(Stage("scoring all customers as of the cut-off", STUDY_ENDS))
    model = fit_recommender(interactions, items, study, options)
    lists = _lists(model, interactions, items, as_of, settings)
    measures = Measures()
    for placement in study.choices:
        measures.add(window.judge(RECOMMENDER, _coded(lists, window, placement), placement))
    _measure_yardsticks(measures, window, settings)
    _measure_champions(measures, window, champions or {}, study)
    return ListEvaluation(
        cutoff=cutoff,
        k=K,
        table=measures.summary().drop("windows"),
        breakdown=_breakdown(measures, window, _segments(events, items, settings, as_of)),
        choices={name: f"{choice.method}: {choice.reason}" for name, choice in study.choices.items()},
        notes=study.notes,
        lists=lists,
    )


def ranked(recommendations: pl.DataFrame) -> pl.DataFrame:
    """customer_id, item_id, placement, rank from 1, of a recommendations frame."""
    return (
        recommendations.select(
            "customer_id",
            "item_ids",
            "placement",
            pl.int_ranges(1, pl.col("item_ids").list.len() + 1).alias("rank"),
        )
        .explode("item_ids", "rank", empty_as_null=False)
        .select("customer_id", pl.col("item_ids").alias("item_id"), "placement", "rank")
    )


def _lists(
    model: RecommenderModel, interactions: pl.DataFrame, items: pl.DataFrame, as_of: date, settings: Settings
) -> pl.DataFrame:
    models = dict.fromkeys(model.methods, model)
    made = recommend(models, interactions, items, as_of=as_of, settings=settings.recommender, past=True)
    return ranked(made.lists)


def _coded(lists: pl.DataFrame, window: Window, placement: str) -> Lists:
    """Lists of ids as codes: all customers x K."""
    shown = lists.filter(pl.col("placement") == placement, pl.col("rank") <= K)
    coded = Lists.empty(window.snapshot.customers, K)
    rows = encode(shown["customer_id"], window.snapshot.purchases.customers).to_numpy()
    coded.items[rows, shown["rank"].to_numpy() - 1] = encode(
        shown["item_id"], window.snapshot.purchases.items
    ).to_numpy()
    return coded


def _measure_yardsticks(measures: Measures, window: Window, settings: Settings) -> None:
    """The simple methods of each placement on the same window."""
    yardsticks = {
        placement: yardsticks_of(placement, may_repeat=window.may_repeat)
        for placement in settings.recommender.enabled_placements
    }
    names = {name for each in yardsticks.values() for name in each}
    parameters: dict[str, dict[str, JsonValue]] = {name: {} for name in (*names, "popularity")}
    parameters["popularity"] = {"days": settings.recommender.popularity_days}
    purchases = window.snapshot.purchases
    pool = window.pool(fit_sources(purchases, parameters).scores(purchases), settings.recommender.depth)
    for placement, simple in yardsticks.items():
        for name in simple:
            measures.add(window.measure(name, Single(name), pool, [placement]))


def _measure_champions(measures: Measures, window: Window, champions: Mapping[str, Recipe], study: Study) -> None:
    """The recipes that score now, where another one was chosen; the same one has the figures of the recommender."""
    for placement, recipe in champions.items():
        if placement not in study.choices:
            continue
        if study.recipes.get(placement) == recipe:
            measures.add(replace(one, method=CHAMPION) for one in measures.of(placement, RECOMMENDER))
        elif not recipe.make().learns:
            purchases = window.snapshot.purchases
            pool = window.pool(fit_sources(purchases, recipe.sources).scores(purchases), K)
            measures.add(window.measure(CHAMPION, recipe.make(), pool, [placement]))


def _breakdown(measures: Measures, window: Window, segments: pl.DataFrame | None) -> pl.DataFrame:
    """By orders before the cut-off, and by segment."""
    frames = [
        break_down(
            window.snapshot,
            judge,
            [one for one in measures.all if one.placement == judge.placement and one.horizon == judge.horizon],
            segments,
        )
        for judge in window.judges
        if judge.customers
    ]
    return pl.concat(frames)


def _segments(events: pl.LazyFrame, items: pl.DataFrame, settings: Settings, as_of: date) -> pl.DataFrame | None:
    """customer_id and segment_key by a segmentation trained before the cut-off; None where customers are too few."""
    try:
        features = build_customer_features(
            events,
            items.lazy(),
            as_of=as_of,
            lookback_days=settings.lookback_days,
            weights=settings.events.weights,
            timezone=settings.timezone,
        ).collect()
        model = train_segmentation(features, trained_through=as_of, settings=settings.segmentation)
    except UserError:
        return None
    return assign(model, features)[0]


def _nothing(side: str, cutoff: date) -> UserError:
    return UserError(
        f"There are no purchases {side} {cutoff}, so nothing can be evaluated.",
        "Choose a cut-off inside the data, or load more days.",
    )
