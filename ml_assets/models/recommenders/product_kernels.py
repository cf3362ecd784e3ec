"""The compiled loops of exact top-K lists from products of sparse matrices, customers x r by r x items.

A row of sums is kept for all items; how the few that count are found in it depends on how many there are. Only
numbers enter here, as in `kernels.py`; threads belong to `products.py`.

Numba notices changes of this file alone: after editing the lists, touch `dense_kernels.py`, which uses them too.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ml_assets.models.recommenders.compiling import compiled
from ml_assets.models.recommenders.kernels import Matrix
from ml_assets.models.recommenders.sparse import Bools, Float32, Int8, Int32

Value = TypeVar("Value", bound=np.generic)

PAGE = 64
"""Columns looked through at once."""
_FEW, _FEW_OF_TWO = 4, 16
"""Rows with fewer products than a part of the columns list what they touch; measured, with one product and two."""
_LEAST = np.float32(2.0**-149)
"""The smallest positive score."""
_LOWEST = np.finfo(np.float32).min
"""No score that counts is lower."""
_NONE = np.float32(-np.inf)
"""Where no score counts."""


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
def _clear(pages: Float32, page: int) -> None:
    """Set the sums of a page to 0."""
    for lane in range(PAGE):
        pages[page, lane] = 0.0


@compiled
def _scatter(row: int, left: Matrix, right: Matrix, sums: Float32, touched: Int8) -> None:
    """Add one row of left x right to `sums` and mark the pages it touches."""
    for a in range(left[0][row], left[0][row + 1]):
        r, factor = left[1][a], left[2][a]
        for b in range(right[0][r], right[0][r + 1]):
            column = np.uint32(right[1][b])
            sums[column] += factor * right[2][b]
            touched[column // np.uint32(PAGE)] = 1


@compiled
def _take_page(page: int, pages: Float32, eligible: Bools, row: int, items: Int32, scores: Float32, found: int) -> int:
    """Put the columns of a page that belong there into the list of a row; returns its new length."""
    k = items.shape[1]
    lowest = scores[row, k - 1] if found == k else _LEAST
    promising = np.uint8(0)
    for lane in range(PAGE):
        # Neither a branch nor a wider type, so that the compiler compares many at once.
        promising = np.uint8(promising | np.uint8(pages[page, lane] >= lowest))
    if promising == 0:
        return found
    for lane in range(PAGE):
        score = pages[page, lane]
        if score < lowest:
            continue
        column = page * PAGE + lane
        if eligible[column] and beats_last(items, scores, row, found, score, column):
            insert(items, scores, row, found, score, column)
            found = min(found + 1, k)
            lowest = scores[row, k - 1] if found == k else _LEAST
    return found


@compiled
def _scatter_listed(row: int, left: Matrix, right: Matrix, sums: Float32, touched: Int32, count: int) -> int:
    """Add one row of left x right to `sums` and list the columns it touches behind `count` others.

    Some are listed twice. Returns how many there are.
    """
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
    lowest = _LEAST
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
            lowest = scores[row, k - 1] if found == k else _LEAST
    return found


@compiled
def _products(row: int, left: Matrix, right: Matrix) -> int:
    """How many products a row of left x right consists of."""
    count = 0
    for a in range(left[0][row], left[0][row + 1]):
        count += right[0][left[1][a] + 1] - right[0][left[1][a]]
    return count


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
    shares: Float32,
    counts: Int32,
) -> None:
    """`top_products` of one product alone: the same lists for a third of the cost.

    Sums are kept for all columns. Rows of few products list the columns they touch; rows of many mark pages of
    columns, and all columns of a marked page are looked through.
    """
    pages = np.zeros((-(-eligible.size // PAGE), PAGE), np.float32)
    sums, marked = pages.reshape(-1), np.zeros(pages.shape[0], np.int8)
    few = eligible.size // _FEW
    touched = np.empty(few + 1, np.int32)
    for row in range(first, last):
        listed = _products(row, left, right) <= few
        count = 0
        if listed:
            count = _scatter_listed(row, left, right, sums, touched, 0)
        else:
            _scatter(row, left, right, sums, marked)
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
        for place in range(found):
            shares[row, place] = 1.0


@compiled
def _in_pages(values: npt.NDArray[Value], pages: int) -> npt.NDArray[Value]:
    """A value for each column as pages x PAGE, filled with zeros."""
    padded = np.zeros(pages * PAGE, values.dtype)
    padded[: values.size] = values
    return padded.reshape(pages, PAGE)


@compiled
def _take_marked(marked: Int8, touched: Int32) -> int:
    """List marked pages and take the marks away; returns how many there are."""
    count = 0
    for page in range(marked.size):
        touched[count] = page
        count += marked[page]
        marked[page] = 0
    return count


@compiled
def _scale(
    pages: Float32, touched: Int32, count: int, eligible: Bools, largest: Float32, weight: float, relative: bool
) -> np.float32:
    """What to multiply a product with: its weight, divided by its largest candidate where `relative`.

    Sums of columns that are not eligible become 0. `largest` (PAGE) is room to work in.
    """
    largest[:] = 0.0
    for t in range(count):
        page = touched[t]
        for lane in range(PAGE):
            value = pages[page, lane] if eligible[page, lane] else np.float32(0.0)
            pages[page, lane] = value
            largest[lane] = max(largest[lane], value)
    most = largest.max()
    if not relative:
        return np.float32(weight)
    return np.float32(weight) / most if most > 0 else np.float32(0.0)


@compiled
def _take_both(
    page: int, pages: Float32, factor: np.float32, second: Float32, second_factor: np.float32, bonus: Float32,
    line: Float32, row: int, items: Int32, scores: Float32, found: int,
) -> int:  # fmt: skip
    """Put the columns of a page that belong there into the list of a row; returns its new length.

    `line` (PAGE) is room for their scores.
    """
    k = items.shape[1]
    lowest = scores[row, k - 1] if found == k else _LOWEST
    promising = np.uint8(0)
    for lane in range(PAGE):
        score = factor * pages[page, lane] + second_factor * second[page, lane]
        score = score + bonus[page, lane] if score > 0 else _NONE
        line[lane] = score
        promising = np.uint8(promising | np.uint8(score >= lowest))
    if promising == 0:
        return found
    for lane in range(PAGE):
        if line[lane] < lowest:
            continue
        column = page * PAGE + lane
        if beats_last(items, scores, row, found, line[lane], column):
            insert(items, scores, row, found, line[lane], column)
            found = min(found + 1, k)
            lowest = scores[row, k - 1] if found == k else _LOWEST
    return found


@compiled
def _scale_listed(
    sums: Float32, touched: Int32, count: int, eligible: Bools, weight: float, relative: bool
) -> np.float32:
    """As `_scale`, for listed columns."""
    most = np.float32(0.0)
    for t in range(count):
        if not eligible[touched[t]]:
            sums[touched[t]] = 0.0
        most = max(most, sums[touched[t]])
    if not relative:
        return np.float32(weight)
    return np.float32(weight) / most if most > 0 else np.float32(0.0)


@compiled
def _holds(items: Int32, row: int, found: int, item: int) -> bool:
    """Whether a list has an item already."""
    held = False
    for place in range(found):
        held |= items[row, place] == item
    return held


@compiled
def _take_both_listed(
    touched: Int32, count: int, sums: Float32, factor: np.float32, second: Float32, second_factor: np.float32,
    bonus: Float32, row: int, items: Int32, scores: Float32,
) -> int:  # fmt: skip
    """Make the list of a row from the touched columns; returns its length."""
    found, k = 0, items.shape[1]
    for t in range(count):
        column = touched[t]
        score = factor * sums[column] + second_factor * second[column]
        if score <= 0:
            continue
        score += bonus[column]
        if beats_last(items, scores, row, found, score, column) and not _holds(items, row, found, column):
            insert(items, scores, row, found, score, column)
            found = min(found + 1, k)
    return found


@compiled
def _exclude(row: int, excluded: Matrix, sums: Float32) -> None:
    """Set the sums of what must not be listed to 0."""
    for x in range(excluded[0][row], excluded[0][row + 1]):
        sums[excluded[1][x]] = 0.0


@compiled
def _share(
    row: int, found: int, sums: Float32, factor: np.float32, second: Float32, second_factor: np.float32,
    items: Int32, shares: Float32,
) -> None:  # fmt: skip
    """The part of the first product in the scores of a list."""
    for place in range(found):
        given = factor * sums[items[row, place]]
        shares[row, place] = given / (given + second_factor * second[items[row, place]])


@compiled
def top_products(
    first: int,
    last: int,
    left: Matrix,
    right: Matrix,
    second_left: Matrix,
    second_right: Matrix,
    second_weight: float,
    relative: bool,
    excluded: Matrix,
    eligible: Bools,
    bonus: Float32,
    items: Int32,
    scores: Float32,
    shares: Float32,
    counts: Int32,
) -> None:
    """Exact top-K of left x right + weight x (second left x second right), for rows `first` to `last`.

    Only positive scores of columns that are eligible and not in the row of `excluded` count; equal scores rank by
    the lower column. With `relative` both products are first divided by their largest such value in the row. The
    `bonus` of a column is added to its positive scores. Fills `items`, `scores` and `shares` (the part of both
    products that the first gave), each rows x K, and `counts`. Memory: five arrays of the number of columns.
    """
    size = -(-eligible.size // PAGE)
    pages, second_pages = np.zeros((size, PAGE), np.float32), np.zeros((size, PAGE), np.float32)
    sums, second = pages.reshape(-1), second_pages.reshape(-1)
    allowed, extra = _in_pages(eligible, size), _in_pages(bonus, size)
    few = eligible.size // _FEW_OF_TWO
    marked, touched = np.zeros(size, np.int8), np.empty(max(few, size) + 1, np.int32)
    line = np.empty(PAGE, np.float32)
    for row in range(first, last):
        found = 0
        if _products(row, left, right) + _products(row, second_left, second_right) <= few:
            count = _scatter_listed(row, left, right, sums, touched, 0)
            count = _scatter_listed(row, second_left, second_right, second, touched, count)
            _exclude(row, excluded, sums)
            _exclude(row, excluded, second)
            factor = _scale_listed(sums, touched, count, eligible, 1.0, relative)
            second_factor = _scale_listed(second, touched, count, eligible, second_weight, relative)
            found = _take_both_listed(touched, count, sums, factor, second, second_factor, bonus, row, items, scores)
            _share(row, found, sums, factor, second, second_factor, items, shares)
            for t in range(count):
                sums[touched[t]] = second[touched[t]] = 0.0
        else:
            _scatter(row, left, right, sums, marked)
            _scatter(row, second_left, second_right, second, marked)
            _exclude(row, excluded, sums)
            _exclude(row, excluded, second)
            count = _take_marked(marked, touched)
            factor = _scale(pages, touched, count, allowed, line, 1.0, relative)
            second_factor = _scale(second_pages, touched, count, allowed, line, second_weight, relative)
            for t in range(count):
                found = _take_both(
                    touched[t], pages, factor, second_pages, second_factor, extra, line, row, items, scores, found
                )
            _share(row, found, sums, factor, second, second_factor, items, shares)
            for t in range(count):
                _clear(pages, touched[t])
                _clear(second_pages, touched[t])
        counts[row] = found
