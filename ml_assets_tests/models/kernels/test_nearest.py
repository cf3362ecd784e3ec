"""The loops that find nearest rows and merge rankings of groups, against their definitions."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.models.kernels.csr import Csr
from ml_assets.models.matrices.scores import GroupScores
from ml_assets.models.matrices.sparse_scores import nearest_columns
from ml_assets_tests.models.kernels.test_kernels import sparse


def best_of(scores: np.ndarray, allowed: np.ndarray, k: int) -> list[int]:
    """Columns by score, then number."""
    return [column for column in np.argsort(-scores, kind="stable") if allowed[column] and scores[column] > 0][:k]


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 12))
@settings(deadline=None)
def test_the_nearest_columns_are_the_largest_positive_sums_but_the_own(seed: int, columns: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    left, right = rng.integers(-1, 3, (5, 6)), rng.integers(0, 3, (6, columns))
    itself = rng.integers(-1, columns, 5).astype(np.int32)
    found = nearest_columns(sparse(left), sparse(right), k, itself=itself)
    sums = left @ right
    for row in range(5):
        part = slice(found.indptr[row], found.indptr[row + 1])
        wanted = np.sort(best_of(sums[row], np.arange(columns) != itself[row], k)).astype(np.int64)
        np.testing.assert_array_equal(found.indices[part], wanted)
        np.testing.assert_array_equal(found.data[part], sums[row][wanted])


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 12), st.integers(1, 5))
@settings(deadline=None)
def test_scores_of_groups_are_share_times_score(seed: int, items: int, k: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    shares, group = rng.integers(0, 3, (4, groups)), rng.integers(-1, groups, items).astype(np.int32)
    scores, eligible = rng.integers(0, 4, items).astype(np.float32), rng.random(items) < 0.8
    excluded = rng.random((4, items)) < 0.2
    made = GroupScores.of(sparse(shares), group, scores).block(np.arange(1, 4, dtype=np.int32))
    expected = np.where(group >= 0, shares[1:, group] * scores, 0)
    lists = made.top(k, eligible=eligible, excluded=sparse(excluded[1:]))
    for row in range(3):
        wanted = best_of(expected[row], eligible & ~excluded[row + 1], k)
        np.testing.assert_array_equal(lists.items[row, : lists.counts[row]], wanted)
        np.testing.assert_array_equal(
            lists.scores[row, : lists.counts[row]], expected[row][lists.items[row, : lists.counts[row]]]
        )
    starts = np.arange(4, dtype=np.int64) * items
    told = made.pairs(starts, np.tile(np.arange(items, dtype=np.int32), 3))
    np.testing.assert_array_equal(told.reshape(3, items), expected)


def test_a_shop_without_groups_has_no_lists_of_them() -> None:
    made = GroupScores.of(Csr.empty(2, 0), np.full(3, -1, np.int32), np.ones(3, np.float32))
    assert made.block(np.arange(2, dtype=np.int32)).top(2, eligible=np.ones(3, np.bool_)).counts.tolist() == [0, 0]
    np.testing.assert_array_equal(made.pairs(np.array([0, 3, 3]), np.arange(3, dtype=np.int32)), np.zeros(3))
