"""From codes to published frames: lists of ids in Polars columns.

Only the conversion belongs here.
"""

import numpy as np
import polars as pl

from ml_assets.methods import TIERS
from ml_assets.models.kernels.csr import Float32, Int8, Int32
from ml_assets.models.matrices.sparse_scores import Lists
from ml_assets.models.ranking.reasons import REASONS, Reasons


def recommendation_schema(customer: pl.DataType, item: pl.DataType, *, explored: bool = False) -> pl.Schema:
    """The columns of a recommendations frame for the shop's id types; `explored` where some of its lists explore."""
    more = {"propensities": pl.List(pl.Float32())} if explored else {}
    return pl.Schema(
        {
            "customer_id": customer,
            "placement": pl.String(),
            "item_ids": pl.List(item),
            "scores": pl.List(pl.Float32()),
            "sources": pl.List(pl.Enum(TIERS)),
            "reason_codes": pl.List(pl.Enum(REASONS)),
            "reason_items": pl.List(pl.List(item)),
            **more,
        }
    )


def recommendation_frame(
    customers: pl.Series,
    items: pl.Series,
    placement: str,
    lists: Lists,
    reasons: Reasons,
    *,
    propensities: Float32 | None = None,
) -> pl.DataFrame:
    """One row per customer of a block; `items` is the vocabulary of the codes, `propensities` are rows x K."""
    length = pl.Series(lists.counts)
    frame = pl.DataFrame(
        {
            "customer_id": customers,
            "placement": pl.repeat(placement, len(customers), dtype=pl.String, eager=True),
            "item_ids": id_lists(items, lists.items, length),
            "scores": score_lists(lists.scores, length),
            "sources": _words(TIERS, lists.tiers, length),
            "reason_codes": _words(REASONS, reasons.codes, length),
            "reason_items": _nested_ids(items, reasons.items, length),
        }
    )
    if propensities is not None:
        frame = frame.with_columns(score_lists(propensities, length).alias("propensities"))
    schema = recommendation_schema(customers.dtype, items.dtype, explored=propensities is not None)
    return frame.match_to_schema(schema)


def id_lists(vocabulary: pl.Series, codes: Int32, length: pl.Series) -> pl.Series:
    """Rows x K codes as lists of ids, cut to their lengths."""
    return _cut(vocabulary.gather(np.maximum(codes, 0).ravel()).reshape(codes.shape).arr.to_list(), length)


def score_lists(scores: Float32, length: pl.Series) -> pl.Series:
    """Rows x K scores as lists, cut to their lengths."""
    return _cut(pl.Series(scores.ravel()).reshape(scores.shape).arr.to_list(), length)


def _words(vocabulary: tuple[str, ...], codes: Int8, length: pl.Series) -> pl.Series:
    words = pl.Series(vocabulary, dtype=pl.Enum(vocabulary)).gather(codes.ravel().astype(np.uint32))
    return _cut(words.reshape(codes.shape).arr.to_list(), length)


def _nested_ids(vocabulary: pl.Series, codes: Int32, length: pl.Series) -> pl.Series:
    """Rows x K x 2 codes as lists of lists of 0 to 2 ids."""
    rows, k, width = codes.shape
    inner = id_lists(vocabulary, codes.reshape(rows * k, width), pl.Series((codes >= 0).sum(axis=2).ravel()))
    owner = pl.Series(np.repeat(np.arange(rows), k))
    nested = pl.DataFrame({"row": owner, "ids": inner}).group_by("row", maintain_order=True).agg("ids")
    return _cut(nested["ids"], length)


def _cut(lists: pl.Series, length: pl.Series) -> pl.Series:
    return pl.select(pl.lit(lists).list.head(pl.lit(length))).to_series()
