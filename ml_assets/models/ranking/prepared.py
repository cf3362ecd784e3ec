"""What ranking the customers of a day needs, computed once, and the ranking of any block of them.

Both halves belong here, so that it does not matter where a block is ranked: in this process, one after the other
(`recommend.py`), or on other machines (`ml_assets/spark`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import polars as pl

from ml_assets.models.kernels.csr import Float32, Int32
from ml_assets.models.matrices.scores import Scores
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
from ml_assets.settings.experiments import ExplorationSettings
from ml_assets.settings.recommender import RecommenderSettings

BLOCK = 2048
"""Customers ranked together; bounds the memory of candidates and features."""

RANKED, RANKED_PER_STORED = 200, 3
"""Candidates of a customer that a method ranks, at least, and for each item that is stored; the others follow. Fewer
lose no NDCG@10 until half as many: `python -m benchmarks ranker`."""

Frames = list[tuple[str, pl.DataFrame]]
"""Placements with the lists of a block of customers, see `frames.py`."""


@dataclass(frozen=True)
class Recommended:
    """The lists of a day, and what was left out of them."""

    lists: pl.DataFrame
    """One row per customer and placement, customers ascending within each placement, see `frames.py`."""
    sellable: Sellable
    """What was not recommended because it is not sold any more."""
    customers_left: int
    """Customers who have left and got no lists."""


@dataclass(frozen=True)
class ModelRanking:
    """What one model needs to rank any customers of a day for its placements."""

    builder: ListBuilder
    customers: Int32
    """Codes of the customers who get lists, ascending."""
    explorer: Explorer | None
    methods: dict[str, Method]
    """By placement."""
    may_repeat: bool
    scores: dict[str, Scores]
    """Of all sources of the model, whichever placements it fills today: lists must not depend on the others' champions.
    """
    description: Description
    explainer: Explainer

    def rank(self, first: int, last: int) -> Frames:
        """The lists of those from `first` to `last`, the latter excluded, among who gets lists: a frame a placement.

        A customer's lists are the same in any block.
        """
        builder, customers = self.builder, self.customers[first:last]
        snapshot, stored = builder.snapshot, builder.settings.stored
        pool = build_pool(snapshot, self.scores, customers, depth=builder.settings.depth, may_repeat=self.may_repeat)
        ranked = _scores(self.methods, pool, self.description, max(RANKED, RANKED_PER_STORED * stored))
        frames: Frames = []
        for placement, method in self.methods.items():
            lists = builder.lists(pool, ranked[placement], placement)
            propensities = self.explorer.explore(lists, placement, customers) if self.explorer else None
            reasons = self.explainer.reasons(lists, pool, method, self.description)
            ids = snapshot.purchases.customers.gather(customers), snapshot.purchases.items
            frame = recommendation_frame(*ids, placement, lists, reasons, propensities=propensities)
            # Who has bought everything there is has nothing to discover, and no row.
            frames.append((placement, frame.filter(pl.Series(lists.counts > 0))))
        return frames


@dataclass(frozen=True)
class Prepared:
    """A day before anybody is ranked; see `recommend` for its arguments."""

    models: Mapping[str, RecommenderModel]
    items: pl.DataFrame
    builder: ListBuilder
    customers: Int32
    """Codes of the customers who get lists, ascending."""
    explorer: Explorer | None
    schema: pl.Schema
    """Of the lists."""

    @classmethod
    def of(
        cls,
        models: Mapping[str, RecommenderModel],
        interactions: pl.DataFrame,
        items: pl.DataFrame,
        *,
        as_of: date,
        settings: RecommenderSettings,
        customers: Sequence[int] | Sequence[str] | pl.Series | None = None,
        past: bool = False,
        exploration: ExplorationSettings | None = None,
    ) -> Self:
        """Compute what all models share."""
        explored = exploration is not None and any(exploration.explores(placement) for placement in models)
        ids = interactions.schema["customer_id"], interactions.schema["item_id"]
        snapshot = Snapshot.of(interactions, items, as_of, settings, past=past)
        builder = ListBuilder.of(snapshot, items, settings)
        return cls(
            models=models,
            items=items,
            builder=builder,
            customers=_who_gets_lists(snapshot, settings, customers),
            explorer=Explorer(builder, exploration) if exploration else None,
            schema=recommendation_schema(*ids, explored=explored),
        )

    def blocks(self) -> list[tuple[int, int]]:
        """Bounds of blocks of those who get lists, see `ModelRanking.rank`."""
        return list(blocks(0, self.customers.size, BLOCK))

    def by_model(self) -> list[tuple[RecommenderModel, list[str]]]:
        """Each model once, with its placements."""
        grouped: dict[str, tuple[RecommenderModel, list[str]]] = {}
        for placement, model in self.models.items():
            grouped.setdefault(model.card.version, (model, []))[1].append(placement)
        return list(grouped.values())

    def rankings(self) -> Iterator[ModelRanking]:
        """What each of `by_model` needs, made when it is its turn: scores of several models take room."""
        for model, placements in self.by_model():
            yield ModelRanking(
                builder=self.builder,
                customers=self.customers,
                explorer=self.explorer,
                methods={placement: model.methods[placement] for placement in placements},
                may_repeat=model.may_repeat,
                scores=model.sources.scores(self.builder.snapshot.purchases),
                description=Description(self.builder.snapshot),
                explainer=Explainer(
                    self.builder, model.sources.methods, self.items, self.builder.settings.sensitive_categories
                ),
            )

    def recommended(self, frames: Iterable[tuple[str, pl.DataFrame]]) -> Recommended:
        """The day from its frames, those of a placement in the order of their customers."""
        order = {placement: place for place, placement in enumerate(PLACEMENTS)}
        parts = [frame for _, frame in sorted(frames, key=lambda part: order[part[0]])]
        lists = pl.concat([self.schema.to_frame(), *parts], how="diagonal")
        if "propensities" in self.schema:
            lists = lists.with_columns(pl.col("propensities").fill_null([]))
        snapshot = self.builder.snapshot
        left = snapshot.has_left(self.builder.settings.left_after_days)
        return Recommended(lists, snapshot.sellable, int(left.sum()))


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


def _who_gets_lists(
    snapshot: Snapshot, settings: RecommenderSettings, customers: Sequence[int] | Sequence[str] | pl.Series | None
) -> Int32:
    wanted = ~snapshot.has_left(settings.left_after_days)
    if customers is not None:
        known = snapshot.purchases.customers
        codes = encode(pl.Series("customer_id", customers, dtype=known.dtype), known).to_numpy()
        asked = np.zeros(snapshot.customers, np.bool_)
        asked[codes[codes >= 0]] = True
        wanted &= asked
    return np.flatnonzero(wanted).astype(np.int32)
