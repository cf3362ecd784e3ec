"""The recommendations of a day: the lists of every placement for every customer with purchases.

The order of the steps belongs here. Placements may be served by different models, because each has a champion of its
own; those of one model share its candidates.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from ml_assets.models.kernels.csr import Bools, Float32
from ml_assets.models.matrices.sparse_scores import blocks
from ml_assets.models.placements import PLACEMENTS
from ml_assets.models.ranking.candidates import Pool, build_pool
from ml_assets.models.ranking.exploration import Explorer
from ml_assets.models.ranking.features import Description
from ml_assets.models.ranking.frames import recommendation_frame, recommendation_schema
from ml_assets.models.ranking.lists import ListBuilder
from ml_assets.models.ranking.method import Method, allowed_pairs
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.reasons import Explainer
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.recommenders.catalogue import Sellable
from ml_assets.models.recommenders.purchases import encode
from ml_assets.progress import Report, Stage, part_of, silent
from ml_assets.settings.experiments import ExplorationSettings
from ml_assets.settings.recommender import RecommenderSettings

BLOCK = 2048
"""Customers ranked together; bounds the memory of candidates and features."""

RANKED, RANKED_PER_STORED = 200, 3
"""Candidates of a customer that a method ranks, at least, and for each item that is stored; the others follow. Fewer
lose no NDCG@10 until half as many: `python -m benchmarks ranker`."""


@dataclass(frozen=True)
class Recommended:
    """The lists of a day, and what was left out of them."""

    lists: pl.DataFrame
    """One row per customer and placement, customers ascending within each placement, see `frames.py`."""
    sellable: Sellable
    """What was not recommended because it is not sold any more."""
    customers_left: int
    """Customers who have left and got no lists."""


def recommend(
    models: Mapping[str, RecommenderModel],
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    *,
    as_of: date,
    settings: RecommenderSettings,
    customers: Sequence[int] | Sequence[str] | pl.Series | None = None,
    past: bool = False,
    exploration: ExplorationSettings | None = None,
    report: Report = silent,
) -> Recommended:
    """The lists of each placement by its model.

    `interactions` are as of `as_of`; later rows are ignored. `customers` limits the rows to those ids; ids without
    purchases have no row, because what they get is the popular items. Lists hold `settings.stored` items, or all
    there are: `for_you` every item that may be recommended (less what the customer bought, where the model says that
    purchases do not recur), `discover` those the customer has not bought, `buy_again`
    those the customer has. Scores fall along a list and compare items of one list only. `past` judges a day of the
    past, see `Snapshot`. With `exploration` items drawn by chance are among those shown, and `propensities` tell how
    likely each was; they are empty for lists that do not explore.
    """
    explored = exploration is not None and any(exploration.explores(placement) for placement in models)
    ids = interactions.schema["customer_id"], interactions.schema["item_id"]
    schema = recommendation_schema(*ids, explored=explored)
    snapshot = Snapshot.of(interactions, items, as_of, settings, past=past)
    here = _wanted(snapshot, customers) & ~snapshot.has_left(settings.left_after_days)
    builder = ListBuilder.of(snapshot, items, settings)
    explorer = Explorer(builder, exploration) if exploration else None
    frames: dict[str, list[pl.DataFrame]] = {placement: [] for placement in PLACEMENTS}
    grouped = _by_model(models)
    for number, (model, placements) in enumerate(grouped):
        inside = part_of(report, number / len(grouped), (number + 1) / len(grouped))
        for placement, frame in _lists_of(model, placements, builder, items, here, explorer=explorer, report=inside):
            frames[placement].append(frame)
    parts = [frame for placement in PLACEMENTS for frame in frames[placement]]
    lists = pl.concat([schema.to_frame(), *parts], how="diagonal")
    if explored:
        lists = lists.with_columns(pl.col("propensities").fill_null([]))
    return Recommended(lists, snapshot.sellable, int(snapshot.has_left(settings.left_after_days).sum()))


def _by_model(models: Mapping[str, RecommenderModel]) -> list[tuple[RecommenderModel, list[str]]]:
    """Each model once, with its placements."""
    grouped: dict[str, tuple[RecommenderModel, list[str]]] = {}
    for placement, model in models.items():
        grouped.setdefault(model.card.version, (model, []))[1].append(placement)
    return list(grouped.values())


def _lists_of(
    model: RecommenderModel,
    placements: Sequence[str],
    builder: ListBuilder,
    items: pl.DataFrame,
    here: Bools,
    *,
    explorer: Explorer | None,
    report: Report,
) -> Iterator[tuple[str, pl.DataFrame]]:
    """The frames of the placements, block after block."""
    snapshot = builder.snapshot
    methods = {placement: model.methods[placement] for placement in placements}
    # All sources of the model, whichever placements it fills today: lists must not depend on the others' champions.
    scores = model.sources.scores(snapshot.purchases)
    description = Description(snapshot)
    explainer = Explainer(builder, model.sources.methods, items, builder.settings.sensitive_categories)
    known = snapshot.purchases
    for first, last in blocks(0, snapshot.customers, BLOCK):
        if not here[first:last].any():
            continue
        report(
            Stage(
                f"ranking for customers {first + 1:,} to {last:,} of {snapshot.customers:,}", first / snapshot.customers
            )
        )
        pool = build_pool(snapshot, scores, first, last, depth=builder.settings.depth, may_repeat=model.may_repeat)
        ranked = _scores(methods, pool, description, max(RANKED, RANKED_PER_STORED * builder.settings.stored))
        for placement, method in methods.items():
            lists = builder.lists(pool, ranked[placement], placement)
            propensities = explorer.explore(lists, placement, first, last) if explorer else None
            reasons = explainer.reasons(lists, pool, method, description)
            customers = known.customers[first:last]
            ids = customers, known.items
            frame = recommendation_frame(*ids, placement, lists, reasons, propensities=propensities)
            # Who has bought everything there is has nothing to discover, and no row.
            yield placement, frame.filter(pl.Series(here[first:last] & (lists.counts > 0)))


def _scores(methods: Mapping[str, Method], pool: Pool, description: Description, most: int) -> dict[str, Float32]:
    """The scores of each placement's method, of the pairs that may be listed; of costly ones for the
    `most` promising, 0 for others.

    Placements that share a method share them.
    """
    scores: dict[str, Float32] = {}
    for placement, method in methods.items():
        sharing = [each for each, other in methods.items() if other is method]
        if sharing[0] != placement:
            scores[placement] = scores[sharing[0]]
            continue
        asked = [allowed_pairs(pool, each) for each in sharing]
        if method.is_costly:
            asked = [pool.promising(allowed, most) for allowed in asked]
        places = np.flatnonzero(np.logical_or.reduce(asked))
        scores[placement] = np.zeros(pool.items.size, np.float32)
        scores[placement][places] = method.score(pool.only(places), description)
    return scores


def _wanted(snapshot: Snapshot, customers: Sequence[int] | Sequence[str] | pl.Series | None) -> Bools:
    wanted = np.ones(snapshot.customers, np.bool_)
    if customers is not None:
        known = snapshot.purchases.customers
        codes = encode(pl.Series("customer_id", customers, dtype=known.dtype), known).to_numpy()
        wanted[:] = False
        wanted[codes[codes >= 0]] = True
    return wanted
