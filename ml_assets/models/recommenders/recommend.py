"""The recommendations of a day: both placements for every customer with purchases.

The order of the steps belongs here; which model fills which list is in `candidates.py`.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from ml_assets.models.recommenders.candidates import Candidates
from ml_assets.models.recommenders.frames import recommendation_frame, recommendation_schema
from ml_assets.models.recommenders.model import RecommenderModel
from ml_assets.models.recommenders.products import blocks
from ml_assets.models.recommenders.purchases import encode
from ml_assets.models.recommenders.reasons import reasons_of
from ml_assets.settings.recommender import RecommenderSettings

PLACEMENTS = ("for_you", "discover")


def recommend(
    model: RecommenderModel,
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    *,
    as_of: date,
    settings: RecommenderSettings,
    customers: Sequence[int] | Sequence[str] | pl.Series | None = None,
) -> pl.DataFrame:
    """One row per customer and placement, customers ascending within each placement.

    `interactions` are as of `as_of`; later rows are ignored. `customers` limits the rows to those ids; ids without
    purchases have no row, because what they get is the popular items. Lists hold `settings.stored` items, or all
    there are: `for_you` every eligible item, `discover` those the customer has not bought. Scores fall along a list
    and compare items of one list only.
    """
    schema = recommendation_schema(interactions.schema["customer_id"], interactions.schema["item_id"])
    candidates = Candidates.of(model, interactions, items, as_of, settings)
    known = candidates.purchases.customers
    wanted = np.ones(len(known), np.bool_)
    if customers is not None:
        codes = encode(pl.Series("customer_id", customers, dtype=known.dtype), known).to_numpy()
        wanted[:] = False
        wanted[codes[codes >= 0]] = True
    marked = np.flatnonzero(wanted)
    bounds = (int(marked[0]), int(marked[-1]) + 1) if marked.size else (0, 0)
    parts = [part for part in blocks(*bounds) if wanted[slice(*part)].any()]
    frames: dict[str, list[pl.DataFrame]] = {placement: [] for placement in PLACEMENTS}
    for first, last in parts:
        rows = pl.Series(wanted[first:last])
        for placement, frame in _block(candidates, first, last).items():
            frames[placement].append(frame.filter(rows))
    lists = pl.concat([schema.to_frame(), *(frame for placement in PLACEMENTS for frame in frames[placement])])
    # Who has bought everything there is has nothing to discover, and no row.
    return lists.filter(pl.col("item_ids").list.len() > 0)


def _block(candidates: Candidates, first: int, last: int) -> dict[str, pl.DataFrame]:
    """Both placements of customers `first` to `last`."""
    new, found = candidates.discover(first, last)
    lists = {"for_you": candidates.for_you(first, last, new, found), "discover": new}
    known = candidates.purchases
    return {
        placement: recommendation_frame(
            known.customers[first:last], known.items, placement, ranked, reasons_of(candidates, ranked, first, last)
        )
        for placement, ranked in lists.items()
    }
