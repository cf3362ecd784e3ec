"""A window of a shop's past made ready: the shop as of its first day, candidates, and what was bought in it.

Preparing belongs here; fitting combinations and comparing do not. Only customers who buy in the window are kept,
because nobody else can be judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from ml_assets.features.interactions import build_interactions
from ml_assets.models.kernels.csr import Float32
from ml_assets.models.matrices.scores import Scores
from ml_assets.models.matrices.sparse_scores import Lists, blocks
from ml_assets.models.metrics.judge import Judge, bought_after, judges
from ml_assets.models.metrics.list_facts import ListJudge
from ml_assets.models.metrics.measures import Measurement
from ml_assets.models.placements import PLACEMENTS, REPEATS
from ml_assets.models.ranking.candidates import Pool, bought_before, build_pool, joined_pool
from ml_assets.models.ranking.features import Description
from ml_assets.models.ranking.method import Lesson, Method, allowed_pairs
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.recommenders.catalogue import items_of
from ml_assets.settings.shop import Settings

K = 10
"""Items of a list that are judged."""
LOOKED_AT = 3
"""How many times so many candidates are ranked, because near-duplicates make place for others."""
BLOCK = 2048
"""Customers whose candidates are made together."""


@dataclass(frozen=True)
class Window:
    """Days of the past, and the shop as of the day before."""

    cutoff: date
    snapshot: Snapshot
    judges: list[Judge]
    may_repeat: bool
    """Whether `for_you` lists what the customer bought before."""

    @classmethod
    def of(
        cls,
        events: pl.LazyFrame,
        catalogue: pl.DataFrame,
        *,
        cutoff: date,
        horizons: Sequence[int],
        settings: Settings,
    ) -> "Window":
        """The shop as of the day before the cut-off, and the purchases of the days from it on."""
        interactions = build_interactions(
            events,
            as_of=cutoff - timedelta(days=1),
            lookback_days=settings.lookback_days,
            weights=settings.events.weights,
        ).collect()
        return cls.after(interactions, events, catalogue, cutoff=cutoff, horizons=horizons, settings=settings)

    @classmethod
    def after(
        cls,
        interactions: pl.DataFrame,
        events: pl.LazyFrame,
        catalogue: pl.DataFrame,
        *,
        cutoff: date,
        horizons: Sequence[int],
        settings: Settings,
    ) -> "Window":
        """The same of interactions that are made already, those of the look-back before the cut-off.

        What is never recommended is nothing to be found.
        """
        as_of = cutoff - timedelta(days=1)
        snapshot = Snapshot.of(interactions, catalogue, as_of, settings.recommender, past=True)
        never = items_of(catalogue, settings.recommender.exclude_categories).implode()
        bought = bought_after(events, cutoff, max(horizons), settings.events.weights)
        bought = bought.filter(~pl.col("item_id").is_in(never))
        found = judges(snapshot, bought, cutoff=cutoff, horizons=horizons, placements=PLACEMENTS, k=K)
        return cls(cutoff, snapshot, found, settings.recommender.repeats != "do_not_occur")

    @cached_property
    def description(self) -> Description:
        """Features of the window's candidates; what depends on the shop alone is computed once for all methods."""
        return Description(self.snapshot)

    @cached_property
    def _list_judge(self) -> ListJudge:
        return ListJudge(self.snapshot)

    @property
    def horizons(self) -> list[int]:
        """The horizons that are judged, ascending."""
        return sorted({judge.horizon for judge in self.judges})

    @property
    def judged(self) -> int:
        """Known customers who buy in the window."""
        return max((judge.known.size for judge in self.judges), default=0)

    def pool(self, scores: Mapping[str, Scores], depth: int) -> Pool:
        """Candidates of the customers that are judged; empty rows for the others."""
        judged = np.zeros(self.snapshot.customers, np.bool_)
        for judge in self.judges:
            judged[judge.known] = True
        parts = []
        for first, last in blocks(0, self.snapshot.customers, BLOCK):
            part = build_pool(
                self.snapshot, scores, np.arange(first, last, dtype=np.int32), depth=depth, may_repeat=self.may_repeat
            )
            parts.append(part.only(np.flatnonzero(judged[part.customers])))
        return joined_pool(parts)

    def lesson(self, pool: Pool) -> Lesson:
        """What combinations learn from this window."""
        everything = {judge.horizon: judge for judge in self.judges if REPEATS[judge.placement] == "allowed"}
        bought = {days: judge.is_relevant(pool.customers, pool.items) for days, judge in everything.items()}
        return Lesson(pool, self.description, bought)

    def measure(self, name: str, method: Method, pool: Pool, placements: Sequence[str]) -> list[Measurement]:
        """The method's lists of each placement, judged at every horizon."""
        return self.measure_scores(name, in_blocks(method, pool, self.description), pool, placements)

    def measure_variants(
        self, name: str, method: Method, pool: Pool, placements: Sequence[str]
    ) -> list[list[Measurement]]:
        """The same of each of the method's variants."""
        parts = [
            method.score_variants(pool.rows_only(first, last), self.description)
            for first, last in blocks(0, pool.starts.size - 1, BLOCK)
        ]
        return [
            self.measure_scores(name, np.concatenate(scores), pool, placements) for scores in zip(*parts, strict=True)
        ]

    def measure_scores(self, name: str, scores: Float32, pool: Pool, placements: Sequence[str]) -> list[Measurement]:
        """The lists that scores of the pool make in each placement, judged at every horizon."""
        return [
            measure
            for placement in placements
            for measure in self.judge(name, self._lists(pool, scores, placement), placement)
        ]

    def _lists(self, pool: Pool, scores: Float32, placement: str) -> Lists:
        """The lists as they would be shown, of at least K items where there are so many."""
        alike = self.snapshot.near_duplicates
        lists = pool.best(scores, allowed_pairs(pool, placement), K * LOOKED_AT if alike.any else K)
        if alike.any:
            alike.put_behind(lists, bought_before(pool, lists.items))
        return lists

    def judge(self, name: str, lists: Lists, placement: str) -> list[Measurement]:
        """Lists of all customers of the snapshot, judged at every horizon."""
        popular = self.snapshot.popular() if REPEATS[placement] != "only" else np.empty(0, np.int32)
        return [
            Measurement(
                placement=placement,
                cutoff=self.cutoff,
                horizon=judge.horizon,
                method=name,
                metrics=judge.metrics(lists.items, popular),
                facts=self._list_judge.facts(judge.known, lists.items[judge.known, :K]),
            )
            for judge in self.judges
            if judge.placement == placement
        ]


def in_blocks(method: Method, pool: Pool, description: Description) -> Float32:
    """The method's scores of all pairs, with the features of one block of customers in memory at a time."""
    parts = [
        method.score(pool.rows_only(first, last), description) for first, last in blocks(0, pool.starts.size - 1, BLOCK)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)
