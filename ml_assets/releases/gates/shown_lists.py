"""Measures on the lists of a release: how long, how alike, how much in common.

Only measuring belongs here; limits and sentences are in `gates.py`. Lists are compared as a matrix of hashes, one row
per list, because comparing nested columns takes many times longer than loading them.
"""

from collections.abc import Collection
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

UInt64 = npt.NDArray[np.uint64]
PAD = np.uint64(0)
# Matrices of so many rows stay in the processor's cache.
ROWS_AT_ONCE = 4096
# A share of this many lists is right to half a point.
SAMPLE = 40_000
SEED = 20170101


class ShownLists:
    """The first `k` items of every row of a frame with `item_ids`, and `scores` beside them."""

    def __init__(self, frame: pl.DataFrame, k: int) -> None:
        self._frame = frame
        self.k = k
        """Items shown per list."""

    @cached_property
    def _shown(self) -> UInt64:
        """One row per list, one hash per item, zeros where the list is shorter."""
        return _matrix(self._frame["item_ids"], self.k)

    def mean_length(self) -> float:
        """Mean items shown per list."""
        return float(np.minimum(self._frame["item_ids"].list.len().to_numpy(), self.k).mean())

    def short_share(self, placement: str) -> float:
        """Share of a placement's lists with fewer than k items, or than there are different items at all."""
        lengths = self._frame.filter(pl.col("placement") == placement)["item_ids"].list.len()
        if (lengths >= self.k).all():
            return 0.0
        there = len(np.unique(self._shown[self._shown != PAD]))
        return _share(lengths < min(self.k, there))

    def most_common_share(self, but: Collection[str] = ()) -> tuple[float, str]:
        """The share of the most common list in the placement where that is largest, and that placement.

        Placements in `but` do not count; 0 and no placement where no other is there.
        """
        hashed = self._frame.select("placement", pl.Series("list", _row_hashes(self._shown)))
        hashed = hashed.filter(~pl.col("placement").is_in(list(but)))
        if hashed.is_empty():
            return 0.0, ""
        counts = hashed.group_by("placement", "list").len()
        shares = counts.group_by("placement").agg(share=pl.col("len").max() / pl.col("len").sum())
        placement, share = shares.sort("share", "placement").row(-1)
        return float(share), str(placement)

    def source_share(self, placement: str, start: str) -> float:
        """Share of the items shown in a placement whose source begins with `start`."""
        sources = self._frame.filter(pl.col("placement") == placement)["sources"].list.head(self.k)
        counts = sources.explode(empty_as_null=False).value_counts()
        whole = int(counts["count"].sum())
        begins = pl.col("sources").cast(pl.String).str.starts_with(start)
        return int(counts.filter(begins)["count"].sum()) / max(whole, 1)

    def overlap_with(self, others: pl.Series) -> tuple[float, float]:
        """Mean share of the longer list's items that both have, and share of pairs that are equal."""
        mine, theirs = self._shown, _matrix(others, self.k)
        shared = ((mine[:, :, None] == theirs[:, None, :]) & (mine != PAD)[:, :, None]).any(axis=2).sum(axis=1)
        longer = np.maximum((mine != PAD).sum(axis=1), (theirs != PAD).sum(axis=1))
        return float((shared / longer).mean()), float((mine == theirs).all(axis=1).mean())

    def constant_share(self) -> float:
        """Share of the lists with two items or more whose scores are all equal."""
        scores = self._frame["scores"].filter(self._frame["scores"].list.len() > 1)
        return _share(scores.list.min() == scores.list.max())

    def items(self) -> pl.Series:
        """Every item shown, as often as it is."""
        return self._frame["item_ids"].list.head(self.k).explode(empty_as_null=False)


def sample_of(frame: pl.DataFrame, k: int) -> ShownLists:
    """The lists of a frame; of very many, of some, always the same of the same frame."""
    # Of the columns that are looked at: taking rows of nested ones costs as much as all measures.
    looked_at = frame.drop("reason_codes", "reason_items", "propensities", strict=False)
    return ShownLists(looked_at.sample(SAMPLE, seed=SEED) if looked_at.height > SAMPLE else looked_at, k)


def with_doubles(items: pl.Series) -> int:
    """Lists, at full depth, that name an item twice or hold a null."""
    return sum(_with_doubles(items.slice(start, ROWS_AT_ONCE)) for start in range(0, len(items), ROWS_AT_ONCE))


def _with_doubles(items: pl.Series) -> int:
    ordered = np.sort(_matrix(items, int(items.list.len().max() or 0)), axis=1)  # type: ignore[arg-type]
    suspects = np.flatnonzero(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != PAD)).any(axis=1))
    # Two ids may share a hash: suspects are looked at again.
    doubled = items[suspects]
    bad = doubled.list.n_unique() != doubled.list.len()
    if not items.explode(empty_as_null=False).null_count():
        return int(bad.sum())
    gaps = items.list.eval(pl.element().is_null()).list.any()
    return int(gaps.sum()) + int((bad & ~gaps.gather(suspects)).sum())


def _share(marks: pl.Series) -> float:
    """The share of true values; 0 where there is none to judge."""
    return int(marks.sum()) / max(len(marks), 1)


def _matrix(lists: pl.Series, width: int) -> UInt64:
    """Hashes of the first `width` items of every list; integers are their own hashes, moved away from the padding."""
    heads = lists.list.head(width)
    lengths = heads.list.len().to_numpy().astype(np.int64)
    flat = heads.explode(empty_as_null=False)
    if flat.dtype == pl.Int64:
        # Neighbouring integers must not cancel out in sums of hashes.
        codes = (flat.fill_null(-1).to_numpy().view(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    else:
        codes = flat.hash(seed=7).to_numpy()
    codes = np.where(codes == PAD, np.uint64(1), codes)
    if len(lengths) and (lengths == width).all():
        return codes.reshape(len(lengths), width)
    matrix = np.zeros((len(lengths), width), np.uint64)
    starts = np.cumsum(lengths) - lengths
    rows = np.repeat(np.arange(len(lengths)), lengths)
    matrix[rows, np.arange(len(flat)) - np.repeat(starts, lengths)] = codes
    return matrix


def _row_hashes(matrix: UInt64) -> UInt64:
    """One hash per row that depends on the order; equal rows have equal ones."""
    weights = np.random.default_rng(7).integers(1, 2**63, size=matrix.shape[1], dtype=np.uint64) | np.uint64(1)
    hashed: UInt64 = (matrix * weights).sum(axis=1, dtype=np.uint64)
    return hashed
