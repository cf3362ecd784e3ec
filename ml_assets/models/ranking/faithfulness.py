"""Whether reasons are faithful: does taking the cited item out of the history lower the score of what it explains?

The counterfactual is computed, not estimated: histories without the cited item go through the same features, the same
models and the same candidates. How reasons are found belongs to `reasons.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from ml_assets.models.matrices.sparse_scores import blocks
from ml_assets.models.ranking.candidates import build_pool, places_of_pairs
from ml_assets.models.ranking.features import Description
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.prepared import BLOCK
from ml_assets.models.ranking.recommend import recommend
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.recommenders.purchases import encode
from ml_assets.settings.recommender import RecommenderSettings


@dataclass(frozen=True)
class Faithfulness:
    """The outcome of a check."""

    sampled: pl.DataFrame
    """customer_id, placement, item_id, reason_code, cited, before and after (scores; after is 0 where the item is no
    candidate any more), lowered."""

    @property
    def share(self) -> float:
        """Share of the sampled recommendations whose score falls without the item that is cited first."""
        return float(self.sampled["lowered"].mean() or 0.0) if self.sampled.height else 1.0  # type: ignore[arg-type]


def check_reasons(
    models: Mapping[str, RecommenderModel],
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    *,
    as_of: date,
    settings: RecommenderSettings,
    sample: int,
    codes: Sequence[str] | None = None,
) -> Faithfulness:
    """Draw recommendations that cite an item, at most one per customer and placement, and take that item away.

    `codes` limits the reasons that are drawn.
    """
    lists = recommend(models, interactions, items, as_of=as_of, settings=settings).lists
    cited = _cited(lists, settings.k)
    if codes is not None:
        cited = cited.filter(pl.col("reason_code").is_in(list(codes)))
    parts = []
    for placement in models:
        of_placement = cited.filter(pl.col("placement") == placement)
        # Shuffled by a fixed seed, then one for each customer: histories are changed once.
        drawn = of_placement.sample(fraction=1, shuffle=True, seed=settings.seed).unique(
            "customer_id", keep="first", maintain_order=True
        )
        drawn = drawn.head(-(-sample // max(len(models), 1)))
        without = interactions.join(
            drawn.select("customer_id", item_id="cited"), on=["customer_id", "item_id"], how="anti"
        )
        before, after = (
            _scores(models[placement], placement, Snapshot.of(histories, items, as_of, settings), drawn, settings.depth)
            for histories in (interactions, without)
        )
        parts.append(drawn.with_columns(before=before, after=after))
    sampled = pl.concat(parts).with_columns(lowered=pl.col("after") < pl.col("before"))
    return Faithfulness(sampled)


def _cited(lists: pl.DataFrame, k: int) -> pl.DataFrame:
    """One row per shown item that cites one, with the one cited first."""
    shown = lists.select(
        "customer_id",
        "placement",
        pl.col("item_ids").list.head(k).alias("item_id"),
        pl.col("reason_codes").list.head(k).alias("reason_code"),
        pl.col("reason_items").list.head(k),
    )
    return (
        shown.explode("item_id", "reason_code", "reason_items", empty_as_null=False)
        .with_columns(cited=pl.col("reason_items").list.first())
        .drop_nulls("cited")
        .drop("reason_items")
    )


def _scores(model: RecommenderModel, placement: str, snapshot: Snapshot, wanted: pl.DataFrame, depth: int) -> pl.Series:
    """The method's score of each wanted pair, 0 where it is no candidate."""
    method = model.methods[placement]
    scores = model.sources.scores(snapshot.purchases)
    description = Description(snapshot)
    customers = encode(wanted["customer_id"], snapshot.purchases.customers).to_numpy()
    codes = encode(wanted["item_id"], snapshot.purchases.items).to_numpy()
    found = np.zeros(wanted.height)
    for first, last in blocks(0, snapshot.customers, BLOCK):
        here = np.flatnonzero((customers >= first) & (customers < last) & (codes >= 0))
        if not here.size:
            continue
        pool = build_pool(snapshot, scores, np.arange(first, last, dtype=np.int32), depth=depth)
        places = places_of_pairs(pool, (customers[here] - first).astype(np.int32), codes[here])
        ranked = method.score(pool, description)
        allowed = places >= 0
        found[here[allowed]] = ranked[places[allowed]]
    return pl.Series(found)
