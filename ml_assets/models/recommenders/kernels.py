"""The compiled loops: everything whose cost grows with customers x items.

Only numbers enter here (int32 codes, int64 offsets, float32 values), so shops with text ids and shops with integer
ids share the compiled code on disk. What the numbers mean belongs to the models, threads belong to `products.py`,
the top-K of products to `product_kernels.py` and `dense_kernels.py`.
A matrix is the tuple (indptr, indices, data) of its `Csr`.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np

from ml_assets.compiling import compiled
from ml_assets.models.recommenders.sparse import Float32, Int8, Int32, Int64

Matrix = tuple[Int64, Int32, Float32]


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
def _keep_two(best: Float32, names: Int32, given: float, name: int) -> None:
    """Note a name that gave more than the second largest so far."""
    if given > best[0]:
        best[1], names[1] = best[0], names[0]
        best[0], names[0] = given, name
    else:
        best[1], names[1] = given, name


@compiled
def explain(first: int, last: int, left: Matrix, right: Matrix, items: Int32, columns: int, reasons: Int32) -> None:
    """The two entries of each row of `left` that give most to each listed item in left x right.

    `reasons` (rows x K x 2) receives columns of `left`, largest first, and keeps -1 where nothing positive is.
    """
    places = np.full(columns, -1, np.int32)
    best = np.empty((items.shape[1], 2), np.float32)
    for row in range(first, last):
        best[:] = 0.0
        for place in range(items.shape[1]):
            if items[row, place] >= 0:
                places[items[row, place]] = place
        for a in range(left[0][row], left[0][row + 1]):
            r, factor = left[1][a], left[2][a]
            for b in range(right[0][r], right[0][r + 1]):
                place = places[right[1][b]]
                if place < 0:
                    continue
                given = factor * right[2][b]
                if given > best[place, 1]:
                    _keep_two(best[place], reasons[row, place], given, r)
        for place in range(items.shape[1]):
            if items[row, place] >= 0:
                places[items[row, place]] = -1


@compiled
def dense_rows(first: int, last: int, left: Matrix, right: Matrix, out: Float32) -> None:
    """Rows `first` to `last` of left x right, added to the dense `out`."""
    for row in range(first, last):
        target = out[row]
        for a in range(left[0][row], left[0][row + 1]):
            r, factor = left[1][a], left[2][a]
            for b in range(right[0][r], right[0][r + 1]):
                target[right[1][b]] += factor * right[2][b]
