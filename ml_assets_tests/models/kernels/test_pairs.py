"""The compiled loops over given pairs against plain definitions.

Kernels are called in two parts of the rows, as threads call them.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ml_assets.models.kernels import pairs as pair_kernels
from ml_assets.models.kernels.csr import Csr
from ml_assets.models.matrices.sparse_scores import matrix

# Small whole numbers have exact sums in float32, so ties are real and comparisons exact.
SMALL = st.integers(-2, 3).map(float)
COUNTS = st.integers(1, 5)
UNTOUCHED = 7.5
"""What a result holds before a kernel fills it."""


def numbers(*shape: int) -> st.SearchStrategy[np.ndarray]:
    return arrays.arrays(np.float32, shape, elements=SMALL)


def sparse(dense: np.ndarray) -> Csr:
    rows, columns = np.nonzero(dense)
    indptr = np.searchsorted(rows, np.arange(dense.shape[0] + 1))
    return Csr.of(indptr, columns.astype(np.int32), dense[rows, columns], dense.shape[1])


@st.composite
def items_of_rows(
    draw: st.DrawFn, rows: int, columns: int, unique: bool = False
) -> tuple[list[list[int]], np.ndarray, np.ndarray]:
    """Any items in any order for each row: as lists, and as the kernels take them."""
    lists = [draw(st.lists(st.integers(0, columns - 1), max_size=8, unique=unique)) for _ in range(rows)]
    starts = np.cumsum([0, *map(len, lists)], dtype=np.int64)
    return lists, starts, np.array([item for each in lists for item in each], np.int32)


def in_parts(kernel: Callable[..., None], rows: int, *arguments: object) -> None:
    middle = rows // 2
    kernel(middle, rows, *arguments)
    kernel(0, middle, *arguments)


@given(st.data(), COUNTS, COUNTS, st.integers(1, 7))
@settings(deadline=None)
def test_scores_of_pairs_are_those_of_the_whole_product(
    data: st.DataObject, rows: int, inner: int, columns: int
) -> None:
    left, right = data.draw(numbers(rows, inner)), data.draw(numbers(inner, columns))
    lists, starts, items = data.draw(items_of_rows(rows, columns))
    out = np.full(items.size, UNTOUCHED, np.float32)
    in_parts(pair_kernels.score_pairs, rows, matrix(sparse(left)), matrix(sparse(right)), columns, starts, items, out)
    product = left @ right
    assert out.tolist() == [product[row, item] for row, each in enumerate(lists) for item in each]


@given(st.data(), COUNTS, st.integers(0, 5), st.integers(1, 7))
@settings(deadline=None)
def test_scores_of_pairs_of_factors_are_their_dot_products(
    data: st.DataObject, rows: int, factors: int, columns: int
) -> None:
    users, vectors = data.draw(numbers(rows, factors)), data.draw(numbers(columns, factors))
    lists, starts, items = data.draw(items_of_rows(rows, columns))
    out = np.full(items.size, UNTOUCHED, np.float32)
    in_parts(pair_kernels.score_factors, rows, users, vectors, starts, items, out)
    product = users @ vectors.T
    assert out.tolist() == [product[row, item] for row, each in enumerate(lists) for item in each]


@given(st.data(), COUNTS, st.integers(1, 9), st.integers(1, 12))
@settings(deadline=None)
def test_the_best_pairs_are_the_allowed_ones_by_score_then_item_however_few(
    data: st.DataObject, rows: int, columns: int, k: int
) -> None:
    lists, starts, items = data.draw(items_of_rows(rows, columns, unique=True))
    scores = data.draw(numbers(items.size))
    allowed = data.draw(arrays.arrays(np.bool_, items.size))
    out, out_scores = np.full((rows, k), -1, np.int32), np.zeros((rows, k), np.float32)
    counts = np.full(rows, -9, np.int32)
    in_parts(pair_kernels.best_pairs, rows, starts, items, scores, allowed, out, out_scores, counts)
    for row in range(rows):
        part = slice(starts[row], starts[row + 1])
        pairs = zip(lists[row], scores[part].tolist(), allowed[part], strict=True)
        best = sorted((-score, item) for item, score, ok in pairs if ok)[:k]
        missing = k - len(best)
        assert counts[row] == len(best)
        assert out[row].tolist() == [item for _, item in best] + [-1] * missing
        assert out_scores[row].tolist() == [-score for score, _ in best] + [0.0] * missing


@st.composite
def listings(draw: st.DrawFn) -> Any:
    """Lists of different lengths over grouped items, padded with -1; each item's score and tier tell it apart."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    group = draw(arrays.arrays(np.int32, columns, elements=st.integers(-1, 3)))
    lists = [draw(st.permutations(range(columns)))[: draw(st.integers(0, columns))] for _ in range(rows)]
    return group, lists, draw(st.integers(1, 14)), draw(st.integers(1, 4))


def capped(group: np.ndarray, lists: list[list[int]], k: int, most: int) -> list[list[int]]:
    """What the kernel makes of lists; padding stays, and scores and tiers move with their items."""
    shape = (len(lists), group.size + 2)
    items, scores = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
    tiers, counts = np.zeros(shape, np.int8), np.array([len(each) for each in lists], np.int32)
    for row, each in enumerate(lists):
        items[row, : len(each)] = each
        scores[row, : len(each)] = np.array(each) + 0.5
        tiers[row, : len(each)] = np.array(each) + 1
    in_parts(pair_kernels.cap_groups, len(lists), items, scores, tiers, counts, group, k, most)
    np.testing.assert_array_equal(scores, np.where(items >= 0, items + 0.5, 0))
    np.testing.assert_array_equal(tiers, np.where(items >= 0, items + 1, 0))
    assert counts.tolist() == [len(each) for each in lists]
    assert all((items[row, len(each) :] == -1).all() for row, each in enumerate(lists))
    return [items[row, : len(each)].tolist() for row, each in enumerate(lists)]


def sizes(group: np.ndarray, items: list[int]) -> dict[int, int]:
    """How many items of each group there are, without those of none."""
    return {own: sum(group[item] == own for item in items) for own in {group[item] for item in items} - {-1}}


def within_cap(group: np.ndarray, items: list[int], most: int) -> list[int]:
    """The items that have fewer than `most` of their group before them; those of no group always."""
    return [
        item
        for place, item in enumerate(items)
        if group[item] < 0 or sum(group[other] == group[item] for other in items[:place]) < most
    ]


@given(listings())
@settings(deadline=None)
@example((np.zeros(5, np.int32), [[4, 3, 2, 1, 0]], 3, 1))
def test_capped_lists_show_the_first_within_the_cap_and_then_all_others_in_their_order(listing: Any) -> None:
    group, lists, k, most = listing
    for before, after in zip(lists, capped(*listing), strict=True):
        first = within_cap(group, before, most)[:k]
        assert after == first + [item for item in before if item not in first]


@given(listings())
@settings(deadline=None)
def test_capping_groups_loses_and_repeats_nothing(listing: Any) -> None:
    for before, after in zip(listing[1], capped(*listing), strict=True):
        assert sorted(after) == sorted(before)


@given(listings())
@settings(deadline=None)
def test_no_group_exceeds_the_cap_among_the_first_while_others_could_stand_there(listing: Any) -> None:
    group, lists, k, most = listing
    for before, after in zip(lists, capped(*listing), strict=True):
        possible = sum(min(most, size) for size in sizes(group, before).values())
        possible += sum(group[item] < 0 for item in before)
        shown = after[: min(k, possible)]
        assert max(sizes(group, shown).values(), default=0) <= most


@given(listings())
@settings(deadline=None)
def test_items_keep_their_order_within_the_cap_and_beyond_it(listing: Any) -> None:
    group, lists, k, most = listing
    for before, after in zip(lists, capped(*listing), strict=True):
        end = min(k, len(within_cap(group, before, most)))
        for part in (after[:end], after[end:]):
            assert all(before.index(one) < before.index(other) for one, other in pairwise(part))


def test_items_without_a_group_stand_before_those_beyond_the_cap_however_many_they_are() -> None:
    group = np.array([-1, -1, -1, 0, 0], np.int32)
    assert capped(group, [[3, 4, 0, 1, 2]], 5, 1) == [[3, 0, 1, 2, 4]]


@given(st.data(), COUNTS, st.integers(1, 4))
@settings(deadline=None)
def test_the_best_of_a_row_are_marked_with_all_that_equal_the_last(data: st.DataObject, rows: int, most: int) -> None:
    lists, starts, _ = data.draw(items_of_rows(rows, 5))
    scores = data.draw(numbers(int(starts[-1])))
    out = np.zeros(scores.size, np.bool_)
    in_parts(pair_kernels.mark_best, rows, starts, scores, most, out)
    for row in range(len(lists)):
        own = scores[starts[row] : starts[row + 1]]
        least = sorted(own, reverse=True)[:most]
        assert out[starts[row] : starts[row + 1]].tolist() == [bool(score >= least[-1]) for score in own]
