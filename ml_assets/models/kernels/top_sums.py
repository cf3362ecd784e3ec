"""The compiled loops of exact top-K lists from products of sparse matrices, customers x r by r x items.

A row of sums is kept for all items; how the few that count are found in it depends on how many there are. Only
numbers enter here; threads belong to `matrices/sparse_scores.py`.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Bools, Float32, Int32, Matrix
from ml_assets.models.kernels.lists import beats_last, insert
from ml_assets.models.kernels.sums import FEW, LEAST, PAGE, add_in_pages, count_products, may_enter


@compiled
def _clear(pages: Float32, page: int) -> None:
    """Set the sums of a page to 0."""
    for lane in range(PAGE):
        pages[page, lane] = 0.0


@compiled
def _take_page(page: int, pages: Float32, eligible: Bools, row: int, items: Int32, scores: Float32, found: int) -> int:
    """Put the columns of a page that belong there into the list of a row; returns its new length."""
    k = items.shape[1]
    lowest = scores[row, k - 1] if found == k else LEAST
    if not may_enter(page, pages, lowest):
        return found
    for lane in range(PAGE):
        score = pages[page, lane]
        if score < lowest:
            continue
        column = page * PAGE + lane
        if eligible[column] and beats_last(items, scores, row, found, score, column):
            insert(items, scores, row, found, score, column)
            found = min(found + 1, k)
            lowest = scores[row, k - 1] if found == k else LEAST
    return found


@compiled
def _scatter_listed(row: int, left: Matrix, right: Matrix, sums: Float32, touched: Int32) -> int:
    """Add one row of left x right to `sums` and list the columns it touches, some twice; returns how many."""
    count = 0
    for a in range(left[0][row], left[0][row + 1]):
        r, factor = left[1][a], left[2][a]
        for b in range(right[0][r], right[0][r + 1]):
            column = right[1][b]
            touched[count] = column
            # Without a branch. A sum that came back to 0 is listed again.
            count += sums[column] == 0
            sums[column] += factor * right[2][b]
    return count


@compiled
def _take_listed(
    touched: Int32, count: int, sums: Float32, eligible: Bools, row: int, items: Int32, scores: Float32
) -> int:
    """Make the list of a row from the touched columns, and clear their sums; returns its length."""
    found, k = 0, items.shape[1]
    lowest = LEAST
    for t in range(count):
        column = touched[t]
        score = sums[column]
        # So a column that is listed twice is met once.
        sums[column] = 0.0
        if score < lowest:
            continue
        if eligible[column] and beats_last(items, scores, row, found, score, column):
            insert(items, scores, row, found, score, column)
            found = min(found + 1, k)
            lowest = scores[row, k - 1] if found == k else LEAST
    return found


@compiled
def _exclude(row: int, excluded: Matrix, sums: Float32) -> None:
    """Set the sums of what must not be listed to 0."""
    for x in range(excluded[0][row], excluded[0][row + 1]):
        sums[excluded[1][x]] = 0.0


@compiled
def top_sums(
    first: int,
    last: int,
    left: Matrix,
    right: Matrix,
    excluded: Matrix,
    eligible: Bools,
    items: Int32,
    scores: Float32,
    counts: Int32,
) -> None:
    """Exact top-K of left x right, for rows `first` to `last`.

    Only positive scores of columns that are eligible and not in the row of `excluded` count; equal scores rank by
    the lower column. Fills `items` and `scores`, each rows x K with K > 0, and `counts`.

    Sums are kept for all columns. Rows of few products list the columns they touch; rows of many mark pages of
    columns, and all columns of a marked page are looked through.
    """
    pages = np.zeros((-(-eligible.size // PAGE), PAGE), np.float32)
    sums, marked = pages.reshape(-1), np.zeros(pages.shape[0], np.int8)
    few = eligible.size // FEW
    touched = np.empty(few + 1, np.int32)
    for row in range(first, last):
        listed = count_products(row, left, right) <= few
        count = 0
        if listed:
            count = _scatter_listed(row, left, right, sums, touched)
        else:
            add_in_pages(row, left, right, sums, marked)
        _exclude(row, excluded, sums)
        found = 0
        if listed:
            found = _take_listed(touched, count, sums, eligible, row, items, scores)
        else:
            for page in range(pages.shape[0]):
                if marked[page] != 0:
                    found = _take_page(page, pages, eligible, row, items, scores, found)
                    marked[page] = 0
                    _clear(pages, page)
        counts[row] = found
