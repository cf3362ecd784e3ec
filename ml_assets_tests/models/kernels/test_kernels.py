"""The compiled loops against plain NumPy definitions."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.models.kernels.csr import Csr
from ml_assets.models.kernels.item_weights import largest_weights
from ml_assets.models.matrices.item_weights import closed_form_weights
from ml_assets.models.matrices.sparse_scores import Lists, explain, fill_up, gram, top_items
from ml_assets.models.ranking.near_duplicates import NearDuplicates

# Small whole numbers have exact sums in float32, so ties are real and comparisons exact.
SMALL = st.integers(-2, 3)


def dense_matrices(rows: int, columns: int) -> st.SearchStrategy[np.ndarray]:
    return st.lists(st.lists(SMALL, min_size=columns, max_size=columns), min_size=rows, max_size=rows).map(
        lambda values: np.array(values, dtype=np.float32).reshape(rows, columns)
    )


def sparse(dense: np.ndarray) -> Csr:
    rows, columns = np.nonzero(dense)
    indptr = np.searchsorted(rows, np.arange(dense.shape[0] + 1))
    return Csr.of(indptr, columns.astype(np.int32), dense[rows, columns], dense.shape[1])


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    rows, inner, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 7))
    return {
        "left": draw(dense_matrices(rows, inner)),
        "right": draw(dense_matrices(inner, columns)),
        "excluded": draw(dense_matrices(rows, columns)) > 1,
        "eligible": np.array(draw(st.lists(st.booleans(), min_size=columns, max_size=columns))),
        "k": draw(st.integers(0, 8)),
    }


@st.composite
def larger_problems(draw: st.DrawFn) -> dict[str, Any]:
    """Rows that touch few of the columns, and rows that touch most."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    columns, inner, per_row = draw(st.integers(1, 500)), draw(st.integers(1, 12)), draw(st.integers(0, 12))
    touched = rng.random((inner, columns)) * columns < per_row**2
    return {
        "left": rng.integers(-2, 3, (6, inner)),
        "right": rng.integers(-2, 3, (inner, columns)) * touched,
        "excluded": rng.random((6, columns)) < 0.2,
        "eligible": rng.random(columns) < 0.8,
        "k": draw(st.integers(1, 30)),
    }


def assert_defined(problem: dict[str, Any]) -> None:
    """Lists hold the best K positive scores by score, then code, straight from the definition."""
    k, scores = problem["k"], (problem["left"] @ problem["right"]).astype(np.float32)
    lists = top_items(
        sparse(problem["left"]),
        sparse(problem["right"]),
        k,
        eligible=problem["eligible"],
        excluded=sparse(problem["excluded"].astype(np.float32)),
    )
    wanted = problem["eligible"] & ~problem["excluded"] & (scores > 0)
    for row, ok in enumerate(wanted):
        best = [item for item in np.lexsort((np.arange(ok.size), -scores[row])) if ok[item]][:k]
        assert lists.items[row].tolist() == best + [-1] * (k - len(best))
        assert lists.scores[row].tolist() == scores[row, best].tolist() + [0.0] * (k - len(best))
        assert lists.counts[row] == len(best)


@given(problems())
@settings(deadline=None)
def test_top_items_are_the_best_by_score_then_code_without_excluded_or_unavailable_ones(
    problem: dict[str, Any],
) -> None:
    assert_defined(problem)


@given(larger_problems())
@settings(deadline=None)
def test_lists_are_the_same_whether_rows_touch_few_columns_or_many(problem: dict[str, Any]) -> None:
    assert_defined(problem)


def test_without_exclusions_everything_eligible_can_be_listed() -> None:
    left, right = np.ones((2, 1)), np.array([[3.0, 1.0, 2.0, 3.0]])
    lists = top_items(sparse(left), sparse(right), 4, eligible=np.array([True, True, False, True]))
    assert lists.items.tolist() == [[0, 3, 1, -1]] * 2


@pytest.mark.parametrize("rows", [1, 127, 128, 129, 1000])
def test_lists_do_not_depend_on_how_rows_are_shared_between_threads(rows: int) -> None:
    rng = np.random.default_rng(rows)
    left, right = sparse(rng.integers(0, 3, (rows, 9))), sparse(rng.integers(0, 3, (9, 30)))
    lists = top_items(left, right, 5, eligible=np.ones(30, np.bool_))
    for row in (0, rows // 2, rows - 1):
        alone = top_items(left.block(row, row + 1), right, 5, eligible=np.ones(30, np.bool_))
        np.testing.assert_array_equal(alone.items[0], lists.items[row])


@given(dense_matrices(5, 6))
@settings(deadline=None)
def test_the_gram_matrix_is_the_product_with_the_transpose(dense: np.ndarray) -> None:
    np.testing.assert_array_equal(gram(sparse(dense)), dense.T @ dense)


@given(st.integers(1, 12), st.integers(2, 9), st.integers(1, 20), st.integers(0, 1000))
@settings(deadline=None)
def test_item_weights_are_the_largest_of_the_closed_form(rows: int, items: int, kept: int, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 3, (rows, items)).astype(np.float32)
    gram_matrix = counts.T @ counts
    inverse = np.linalg.pinv(gram_matrix + 2.0 * np.diag(gram_matrix).mean() * np.eye(items))
    weights = -inverse / np.maximum(np.diag(inverse), 1e-12)
    np.fill_diagonal(weights, 0)
    made = closed_form_weights(sparse(counts), 2.0, kept)
    found = np.zeros((items, items))
    found[made.row_numbers(), made.indices] = made.data
    kept = min(kept, items - 1) if counts.any() else 0
    assert (np.diff(made.indptr) == kept).all()
    np.testing.assert_allclose(np.where(found == 0, weights, found), weights, atol=1e-5)
    left_out = np.where(found == 0, np.abs(weights), 0).max(axis=1)
    smallest = np.sort(np.abs(weights), axis=1)[:, items - kept :].min(axis=1, initial=np.inf)
    assert (left_out <= smallest + 1e-5).all()


@given(st.lists(SMALL, min_size=2, max_size=9), st.integers(1, 8))
@settings(deadline=None)
def test_of_equal_weights_those_of_lower_columns_are_kept(row: list[int], kept: int) -> None:
    size = len(row)
    square = np.zeros((size, size), np.float32)
    square[-1] = row
    columns, data = np.empty((size, min(kept, size - 1)), np.int32), np.empty((size, min(kept, size - 1)), np.float32)
    largest_weights(size - 1, size, square, np.ones(size, np.float32), columns, data)
    values = np.append(np.array(row[:-1]), 0)
    best = np.sort(np.argsort(-np.abs(values), kind="stable")[: columns.shape[1]])
    np.testing.assert_array_equal(columns[-1], best)
    np.testing.assert_array_equal(data[-1], values[best])


@given(dense_matrices(3, 6))
@settings(deadline=None)
def test_turning_a_matrix_twice_gives_it_back(dense: np.ndarray) -> None:
    turned = sparse(dense).transposed()
    np.testing.assert_array_equal(turned.transposed().indices, sparse(dense).indices)
    np.testing.assert_array_equal(turned.transposed().data, sparse(dense).data)


GROUPS = st.integers(-1, 2)


@given(
    dense_matrices(2, 4),
    dense_matrices(4, 5),
    st.lists(GROUPS, min_size=4, max_size=4),
    st.lists(GROUPS, min_size=5, max_size=5),
)
@settings(deadline=None)
def test_reasons_are_the_two_largest_positive_contributions_of_different_things(
    left: Any, right: Any, left_groups: list[int], groups: list[int]
) -> None:
    items = np.tile(np.arange(5, dtype=np.int32), (2, 1))
    coded = {"left_groups": np.array(left_groups, np.int32), "groups": np.array(groups, np.int32)}
    reasons = explain(sparse(left), sparse(right), items, **coded)
    for row in range(2):
        for item in range(5):
            given_by = left[row] * right[:, item]
            best: dict[object, float] = {}
            for name, value in enumerate(given_by):
                group = left_groups[name]
                if value > 0 and (group < 0 or group != groups[item]):
                    key = ("alone", name) if group < 0 else group
                    best[key] = max(value, best.get(key, 0.0))
            expected = sorted(best.values(), reverse=True)[:2]
            assert [given_by[name] for name in reasons[row, item] if name >= 0] == expected


@given(
    st.permutations(range(6)),
    st.integers(0, 6),
    st.lists(GROUPS, min_size=6, max_size=6),
    st.lists(GROUPS, min_size=6, max_size=6),
    st.sets(st.integers(0, 5)),
)
@settings(deadline=None)
def test_near_duplicates_stand_behind_all_others_and_nothing_is_lost(
    ranking: list[int], length: int, names: list[int], packs: list[int], bought: set[int]
) -> None:
    lists = Lists.empty(1, 6)
    lists.items[0, :length] = ranking[:length]
    lists.scores[0, :length] = 1.0 / (1 + np.arange(length))
    lists.tiers[0, :length] = ranking[:length]
    lists.counts[0] = length
    free = np.isin(lists.items, list(bought))
    alike = NearDuplicates(np.array(names, np.int32), np.array(packs, np.int32), np.array(packs, np.int32))
    first: list[int] = []
    late: list[int] = []
    for item in ranking[:length]:
        same_name = names[item] >= 0 and any(names[one] == names[item] for one in first)
        same_pack = packs[item] >= 0 and any(packs[one] == packs[item] for one in first)
        (late if same_name or (same_pack and item not in bought) else first).append(item)
    alike.put_behind(lists, free)
    assert lists.items[0, :length].tolist() == first + late
    assert lists.tiers[0, :length].tolist() == first + late, "what belongs to an item moves with it"
    assert (np.diff(lists.scores[0, :length]) <= 0).all()


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)), st.integers(0, 3), st.integers(3, 6))
@settings(deadline=None)
def test_filling_up_keeps_the_list_and_adds_each_missing_item_once(
    ranking: list[int], excluded: set[int], listed: int, k: int
) -> None:
    lists = Lists.empty(1, k)
    lists.items[0, :listed] = range(listed)
    lists.scores[0, :listed] = 1.0 / (1 + np.arange(listed))
    lists.counts[0] = listed
    mask = np.zeros((1, 6), np.float32)
    mask[0, list(excluded)] = 1
    extra = np.array([ranking], np.int32)
    fill_up(lists, extra, np.arange(6, 0, -1, dtype=np.float32)[np.newaxis], tier=3, columns=6, excluded=sparse(mask))
    added = [item for item in ranking if item >= listed and item not in excluded][: k - listed]
    assert lists.items[0, : lists.counts[0]].tolist() == [*range(listed), *added]
    assert (np.diff(lists.scores[0, : lists.counts[0]]) <= 0).all()
