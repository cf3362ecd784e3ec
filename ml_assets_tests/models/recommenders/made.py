"""What tests of recommenders share: small parameters, a shop, and its lists and scores."""

from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl

from ml_assets.models.kernels.csr import Csr
from ml_assets.models.matrices.sparse_scores import Lists
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.registry import make_source
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop

# Parameters that suit the small shop of these tests, for the methods that have them.
SMALL = {"neighbours": 10, "factors": 4, "min_item_buyers": 2}


def maker(name: str) -> Callable[[], Recommender]:
    return lambda: make_source(name, {key: SMALL[key] for key in SMALL.keys() & make_source(name, {}).parameters})


def shop(interactions: pl.DataFrame | None = None, day: date = END, items: pl.DataFrame | None = None) -> Purchases:
    frame = as_interactions(made_shop()) if interactions is None else interactions
    return Purchases.of(frame, day, catalogue() if items is None else items)


def lists_of(model: Recommender, purchases: Purchases, k: int = 8) -> Lists:
    everyone = model.product(purchases).block(np.arange(len(purchases.customers), dtype=np.int32))
    return everyone.top(k, eligible=np.ones(len(purchases.items), np.bool_))


def scores_of(model: Recommender, purchases: Purchases) -> np.ndarray:
    """All scores, customers x items."""
    rows, columns = len(purchases.customers), len(purchases.items)
    starts = np.arange(rows + 1, dtype=np.int64) * columns
    items = np.tile(np.arange(columns, dtype=np.int32), rows)
    return (
        model.product(purchases)
        .block(np.arange(rows, dtype=np.int32))
        .pairs(starts, items)
        .reshape(rows, columns)
        .astype(np.float64)
    )


def by_item(scores: np.ndarray, purchases: Purchases) -> dict[int, float]:
    return dict(zip(purchases.items, scores.tolist(), strict=True))


def dense(matrix: Csr) -> np.ndarray:
    out = np.zeros((matrix.rows, matrix.columns))
    out[matrix.row_numbers(), matrix.indices] = matrix.data
    return out
