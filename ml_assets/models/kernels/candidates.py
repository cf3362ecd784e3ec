"""The compiled loop that finds a customer's candidates and what every sparse product says of them, in one pass.

The sums of all products of a row are kept until its candidates are known, so that nothing is multiplied twice. Only
numbers enter here; what the products are belongs to `ranking/candidates.py`.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

from typing import Any

import numpy as np
import numpy.typing as npt

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Bools, Float32, Int8, Int32, Int64, Matrix
from ml_assets.models.kernels.lists import beats_last, insert
from ml_assets.models.kernels.sums import FEW, LEAST, PAGE, add_in_pages, count_products, may_enter

_ROOM = 512
"""Candidates of a row for which room is made at first."""
_NEW, _SOLD, _BOUGHT = 1, 2, 4
"""What a column may be to a row: offered as new, offered at all, bought before."""

Products = tuple[Matrix, ...]
Work = tuple[Float32, Float32, Int8, Int32, Int64]
"""By product: sums, the same in pages, marked pages, touched columns, and how many these are, -1 for pages."""
Found = tuple[Int32, Int64, Bools, Float32, Float32]


@compiled
def _add_listed(row: int, left: Matrix, right: Matrix, sums: Float32, stamps: Int64, stamp: int, touched: Int32) -> int:
    """Add a row of left x right to `sums` and list each column it touches once; returns how many."""
    count = 0
    for a in range(left[0][row], left[0][row + 1]):
        r, factor = left[1][a], left[2][a]
        for b in range(right[0][r], right[0][r + 1]):
            column = right[1][b]
            touched[count] = column
            # Without a branch.
            count += stamps[column] != stamp
            stamps[column] = stamp
            sums[column] += factor * right[2][b]
    return count


@compiled
def _lowest(lists: Int32, scores: Float32, counts: Int64, which: int) -> float:
    """The score from which on a column may enter a list."""
    k = lists.shape[1]
    return float(scores[which, k - 1] if counts[which] == k else LEAST)


@compiled
def _take(column: int, score: float, allowed: int, lists: Int32, scores: Float32, counts: Int64) -> None:
    """Offer a column to the list of new items (0) and to that of all (1), where `allowed` (bits) says so."""
    for which in range(2):
        if allowed >> which & 1 and beats_last(lists, scores, which, counts[which], score, column):
            insert(lists, scores, which, counts[which], score, column)
            counts[which] = min(counts[which] + 1, lists.shape[1])


@compiled
def _take_page(
    page: int, pages: Float32, allowed: Int8, asked: int, lists: Int32, scores: Float32, counts: Int64
) -> None:
    """Offer the columns of a page."""
    lowest = _lowest(lists, scores, counts, 0)
    if asked & 2:
        lowest = min(lowest, _lowest(lists, scores, counts, 1))
    if not may_enter(page, pages, lowest):
        return
    for lane in range(PAGE):
        if pages[page, lane] >= lowest:
            column = page * PAGE + lane
            _take(column, pages[page, lane], allowed[column] & asked, lists, scores, counts)


@compiled
def _offer(
    p: int, row: int, left: Matrix, right: Matrix, asked: int, allowed: Int8, work: Work, stamps: Int64, stamp: int,
    lists: Int32, scores: Float32, counts: Int64,
) -> None:  # fmt: skip
    """Sum up a row of product p, keep its sums, and make its two lists."""
    sums, pages, marked, touched, touches = work
    counts[:] = 0
    if count_products(row, left, right) <= touched.shape[1] - 1:
        touches[p] = _add_listed(row, left, right, sums[p], stamps, stamp, touched[p])
        for t in range(touches[p]):
            column = touched[p, t]
            if sums[p, column] >= LEAST:
                _take(column, sums[p, column], allowed[column] & asked, lists, scores, counts)
        return
    touches[p] = -1
    add_in_pages(row, left, right, sums[p], marked[p])
    for page in range(marked.shape[1]):
        if marked[p, page] != 0:
            _take_page(page, pages[p], allowed, asked, lists, scores, counts)


@compiled
def _clear(p: int, work: Work) -> None:
    """Set the sums of product p to 0."""
    sums, pages, marked, touched, touches = work
    for t in range(touches[p]):
        sums[p, touched[p, t]] = 0.0
    if touches[p] < 0:
        for page in range(marked.shape[1]):
            if marked[p, page] != 0:
                pages[p, page] = 0.0
                marked[p, page] = 0


@compiled
def _add(items: Int32, count: int, allowed: Int8, seen: Int64, row: int, found: int, union: Int32) -> int:
    """Append what may be a candidate and is none yet; returns the new number."""
    for place in range(count):
        item = items[place]
        if item >= 0 and seen[item] != row and allowed[item] & (_NEW | _BOUGHT):
            seen[item] = row
            union[found] = item
            found += 1
    return found


@compiled
def _tell(union: Int32, begin: int, asked: Int8, sums: Float32, scores: Float32, relative: Float32) -> None:
    """What every product says of a row's candidates, and that divided by the largest, where it is positive."""
    for p in range(asked.size):
        largest = np.float32(0.0)
        for place in range(union.size):
            value = sums[p, union[place]]
            scores[p, begin + place] = value
            largest = max(largest, value)
        if largest <= 0:
            largest = np.float32(1.0)
        for place in range(begin, begin + union.size):
            relative[p, place] = scores[p, place] / largest


@compiled
def _places(row: int, pairs: Matrix, union: Int32, begin: int, place_of: Int64, entries: Int64) -> None:
    """Where a row's candidates lie among the entries of `pairs`, -1 where they do not."""
    for entry in range(pairs[0][row], pairs[0][row + 1]):
        place_of[pairs[1][entry]] = entry
    for place in range(union.size):
        entries[begin + place] = place_of[union[place]]
    for entry in range(pairs[0][row], pairs[0][row + 1]):
        place_of[pairs[1][entry]] = -1


@compiled
def _longer(old: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """The same rows with room for more columns."""
    new = np.empty((old.shape[0], size), old.dtype)
    new[:, : old.shape[1]] = old
    return new


@compiled
def find_candidates(
    first: int, last: int, lefts: Products, rights: Products, asked: Int8, eligible: Int8, bought: Matrix,
    pairs: Matrix, offered: Int32, depth: int, counts: Int32,
) -> Found:  # fmt: skip
    """For rows `first` to `last` the union of every product's best columns and of `offered`, and all their scores.

    Product p takes its best `depth` positive columns that are new, and where asked[p] is 3 its best of all; where it is
    0 there is no product. `eligible` has bit 1 for columns that may be offered as new and bit 2 for those that may be
    offered at all; what is in the row of `bought` is not new, and may always be a candidate. Equal scores rank by the
    lower column. `offered` (rows x any, -1 for none) comes from elsewhere.

    Fills `counts`; returns the columns of all rows, ascending within each, the places of these pairs among the entries
    of `pairs`, -1 for none, whether they were bought, and products x pairs their scores, plain and relative to the
    row's largest.
    """
    products, columns = asked.size, eligible.size
    pages = np.zeros((products, -(-columns // PAGE), PAGE), np.float32)
    sums = pages.reshape(products, pages.shape[1] * PAGE)
    touched = np.empty((products, columns // FEW + 1), np.int32)
    work = (sums, pages, np.zeros((products, pages.shape[1]), np.int8), touched, np.zeros(products, np.int64))
    seen = np.full(columns, -1, np.int64)
    stamps, place_of, allowed = seen.copy(), seen.copy(), eligible.copy()
    lists, best, lengths = np.empty((2, depth), np.int32), np.empty((2, depth), np.float32), np.zeros(2, np.int64)
    union = np.empty(2 * products * depth + offered.shape[1], np.int32)
    total, room = 0, union.size + _ROOM * (last - first)
    items: npt.NDArray[Any] = np.empty((1, room), np.int32)
    entries: npt.NDArray[Any] = np.empty((1, room), np.int64)
    own: npt.NDArray[Any] = np.empty((1, room), np.int8)
    scores: npt.NDArray[Any] = np.empty((products, room), np.float32)
    relative: npt.NDArray[Any] = np.empty((products, room), np.float32)
    for row in range(first, last):
        for x in range(bought[0][row], bought[0][row + 1]):
            allowed[bought[1][x]] = (eligible[bought[1][x]] & _SOLD) | _BOUGHT
        found = _add(offered[row], offered.shape[1], allowed, seen, row, 0, union)
        for p in range(products):
            if asked[p] != 0:
                stamp = row * products + p
                _offer(p, row, lefts[p], rights[p], asked[p], allowed, work, stamps, stamp, lists, best, lengths)
                for which in range(2):
                    found = _add(lists[which], lengths[which], allowed, seen, row, found, union)
        here, end = union[:found], total + found
        if end > items.shape[1]:
            items, entries, own = _longer(items, 2 * end), _longer(entries, 2 * end), _longer(own, 2 * end)
            scores, relative = _longer(scores, 2 * end), _longer(relative, 2 * end)
        here.sort()
        _tell(here, total, asked, sums, scores, relative)
        _places(row, pairs, here, total, place_of, entries[0])
        for place in range(found):
            items[0, total + place], own[0, total + place] = here[place], allowed[here[place]] & _BOUGHT
        for p in range(products):
            _clear(p, work)
        for x in range(bought[0][row], bought[0][row + 1]):
            allowed[bought[1][x]] = eligible[bought[1][x]]
        counts[row], total = found, end
    return items[0, :total], entries[0, :total], own[0, :total] != 0, scores[:, :total], relative[:, :total]
