"""Compiled loops over sorted lists of items: taking an entry in, filling up, and putting near-duplicates behind.

A list is a row of item codes and a row of scores, best first; of equal scores the lower code comes first.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Bools, Float32, Int8, Int32, Matrix


@compiled
def _worse(score_a: float, item_a: int, score_b: float, item_b: int) -> bool:
    """Whether a ranks below b: lower score, or the same score and a higher code."""
    return score_a < score_b or (score_a == score_b and item_a > item_b)


@compiled
def insert(items: Int32, scores: Float32, row: int, found: int, score: float, item: int) -> None:
    """Put an entry in its place in a sorted list, best first, of `found` entries; the last one of a full list goes.

    For lists of some dozens shifting is faster than a heap.
    """
    place = min(found, scores.shape[1] - 1)
    while place > 0 and _worse(scores[row, place - 1], items[row, place - 1], score, item):
        scores[row, place], items[row, place] = scores[row, place - 1], items[row, place - 1]
        place -= 1
    scores[row, place], items[row, place] = score, item


@compiled
def beats_last(items: Int32, scores: Float32, row: int, found: int, score: float, item: int) -> bool:
    """Whether an entry belongs in a sorted list of `found` entries."""
    last = scores.shape[1] - 1
    return found <= last or _worse(scores[row, last], items[row, last], score, item)


@compiled
def fill_up(
    first: int,
    last: int,
    extra: Int32,
    extra_scores: Float32,
    tier: int,
    excluded: Matrix,
    columns: int,
    items: Int32,
    scores: Float32,
    tiers: Int8,
    counts: Int32,
) -> None:
    """Append items of `extra` (rows x any, -1 ends a row; one row serves all) to lists that are not full.

    Items already listed or in the row of `excluded` are skipped. Scores go on below the last of the list.
    """
    seen = np.full(columns, -1, np.int64)
    k = items.shape[1]
    for row in range(first, last):
        found = counts[row]
        if found == k:
            continue
        for place in range(found):
            seen[items[row, place]] = row
        for x in range(excluded[0][row], excluded[0][row + 1]):
            seen[excluded[1][x]] = row
        source = row if extra.shape[0] > 1 else 0
        ceiling = scores[row, found - 1] if found > 0 else np.float32(1.0)
        for place in range(extra.shape[1]):
            item = extra[source, place]
            if item < 0 or found == k:
                break
            if seen[item] != row:
                seen[item] = row
                items[row, found], tiers[row, found] = item, tier
                # In this order the product cannot round above the ceiling.
                scores[row, found] = ceiling * (extra_scores[source, place] / extra_scores[source, 0])
                found += 1
        counts[row] = found


@compiled
def put_behind(
    first: int, last: int, items: Int32, scores: Float32, tiers: Int8, counts: Int32, free: Bools, names: Int32,
    packs: Int32,
) -> None:  # fmt: skip
    """Move items behind all others whose group is in the list already, by name, or by pack where not `free`.

    `names` and `packs` hold the group of each item, -1 for none; what is left keeps its order, and so does what moves.
    """
    width = items.shape[1]
    late_items, late_scores, late_tiers = (
        np.empty(width, np.int32),
        np.empty(width, np.float32),
        np.empty(width, np.int8),
    )
    named, packed = np.full(names.size, -1, np.int32), np.full(packs.size, -1, np.int32)
    for row in range(first, last):
        kept, late = 0, 0
        for place in range(counts[row]):
            item = items[row, place]
            name, pack = names[item], packs[item]
            if (name >= 0 and named[name] == row) or (pack >= 0 and packed[pack] == row and not free[row, place]):
                late_items[late], late_scores[late], late_tiers[late] = item, scores[row, place], tiers[row, place]
                late += 1
                continue
            if name >= 0:
                named[name] = row
            if pack >= 0:
                packed[pack] = row
            if late:
                items[row, kept], scores[row, kept], tiers[row, kept] = item, scores[row, place], tiers[row, place]
            kept += 1
        for place in range(late):
            items[row, kept + place], tiers[row, kept + place] = late_items[place], late_tiers[place]
            scores[row, kept + place] = late_scores[place]
