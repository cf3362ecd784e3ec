"""The exact top-K of dense factors against its plain definition."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ml_assets.models.kernels.csr import Csr
from ml_assets.models.kernels.top_dots import GROUP, WIDTH
from ml_assets.models.matrices.dense_scores import PackedItems, top_factors
from ml_assets.models.matrices.sparse_scores import Lists

# Small whole numbers have exact sums in float32, so ties are real and comparisons exact.
SMALL = st.integers(-3, 3)
SHAPES = st.tuples(st.integers(0, 5), st.integers(0, 12), st.integers(1, 9))


def pattern(excluded: np.ndarray) -> Csr:
    rows, columns = np.nonzero(excluded)
    indptr = np.searchsorted(rows, np.arange(excluded.shape[0] + 1))
    return Csr.of(indptr, columns.astype(np.int32), np.ones(rows.size), excluded.shape[1])


def defined_scores(problem: dict[str, Any]) -> np.ndarray:
    scores: np.ndarray = problem["users"].astype(np.float64) @ problem["items"].astype(np.float64).T
    return scores if problem["bias"] is None else scores + problem["bias"]


def allowed(problem: dict[str, Any]) -> np.ndarray:
    kept: np.ndarray = problem["eligible"] & ~problem["excluded"]
    return kept


def listed(problem: dict[str, Any], k: int) -> Lists:
    return top_factors(
        problem["users"],
        problem["items"],
        k,
        eligible=problem["eligible"],
        excluded=pattern(problem["excluded"]),
        bias=problem["bias"],
    )


def assert_defined(problem: dict[str, Any], k: int, lists: Lists) -> None:
    for row, (scores, ok) in enumerate(zip(defined_scores(problem), allowed(problem), strict=True)):
        best = [item for item in np.lexsort((np.arange(scores.size), -scores)) if ok[item]][:k]
        assert lists.items[row].tolist() == best + [-1] * (k - len(best))
        assert lists.scores[row, : len(best)].tolist() == scores[best].tolist()
        assert lists.counts[row] == len(best)


@st.composite
def problems(draw: st.DrawFn, values: st.SearchStrategy[Any] = SMALL) -> dict[str, Any]:
    rows, columns, factors = draw(SHAPES)
    return {
        "users": draw(arrays.arrays(np.float32, (rows, factors), elements=values)),
        "items": draw(arrays.arrays(np.float32, (columns, factors), elements=values)),
        "eligible": draw(arrays.arrays(np.bool_, columns)),
        "excluded": draw(arrays.arrays(np.bool_, (rows, columns))),
        "bias": draw(st.none() | arrays.arrays(np.float32, columns, elements=values)),
    }


def random_problem(seed: int, rows: int, columns: int, factors: int, whole: bool) -> dict[str, np.ndarray]:
    """More customers and items than one group and one block, lengths of items far apart."""
    rng = np.random.default_rng(seed)
    lengths = rng.pareto(1.0, (columns, 1)) + 0.01

    def drawn(*shape: int) -> np.ndarray:
        return rng.integers(-3, 4, shape) if whole else rng.standard_normal(shape)

    items = drawn(columns, factors) * (np.ceil(np.minimum(lengths, 50)) if whole else lengths)
    return {
        "users": drawn(rows, factors).astype(np.float32),
        "items": items.astype(np.float32),
        "eligible": rng.random(columns) < 0.9,
        "excluded": rng.random((rows, columns)) < 0.05,
        "bias": None if seed % 2 else drawn(columns).astype(np.float32),
    }


@given(problems(), st.integers(0, 14))
@settings(deadline=None)
def test_lists_are_the_best_by_score_then_code_without_excluded_or_unavailable_items(
    problem: dict[str, Any], k: int
) -> None:
    assert_defined(problem, k, listed(problem, k))


@given(st.integers(0, 10_000), st.integers(1, 2 * GROUP + 3), st.integers(1, 3 * WIDTH + 3), st.integers(1, 40))
@settings(max_examples=30)
def test_the_same_holds_beyond_one_group_of_customers_and_one_block_of_items(
    seed: int, rows: int, columns: int, k: int
) -> None:
    problem = random_problem(seed, rows, columns, factors=seed % 9 + 1, whole=True)
    assert_defined(problem, k, listed(problem, k))


@given(st.integers(0, 10_000), st.integers(1, 100), st.integers(1, 3 * WIDTH + 3), st.integers(1, 40))
@settings(max_examples=30)
def test_lists_of_any_factors_are_the_best_within_the_rounding_of_one_number(
    seed: int, rows: int, columns: int, k: int
) -> None:
    problem = random_problem(seed, rows, columns, factors=seed % 70 + 1, whole=False)
    lists = listed(problem, k)
    for row, (scores, ok) in enumerate(zip(defined_scores(problem), allowed(problem), strict=True)):
        count = min(k, int(ok.sum()))
        items = lists.items[row, :count]
        assert lists.counts[row] == count
        assert len(set(items.tolist())) == count
        assert ok[items].all()
        # Sums in float64 err by so little that rounding to float32 is all that can be seen.
        tolerance = 2.0**-23 * np.abs(scores[items]) + 1e-12
        assert (np.abs(lists.scores[row, :count] - scores[items]) <= tolerance).all()
        assert (np.diff(lists.scores[row, :count]) <= 0).all()
        left_out = np.setdiff1d(np.flatnonzero(ok), items)
        if left_out.size and count:
            assert scores[left_out].max() <= scores[items[-1]] + tolerance[-1]


@given(problems(values=st.floats(-(2.0**60), 2.0**60, width=32)), st.integers(1, 14))
@settings(deadline=None)
def test_factors_of_any_size_give_valid_lists(problem: dict[str, Any], k: int) -> None:
    lists = listed(problem, k)
    for row, (scores, ok) in enumerate(zip(defined_scores(problem), allowed(problem), strict=True)):
        items = lists.items[row, : lists.counts[row]]
        assert items.size == min(k, int(ok.sum()))
        left_out = np.setdiff1d(np.flatnonzero(ok), items)
        size = np.abs(problem["users"][row].astype(np.float64)) @ np.abs(problem["items"].astype(np.float64)).T
        if left_out.size and items.size:
            worst = np.argmin(scores[items])
            slack = 2.0**-23 * abs(scores[items[worst]]) + 1e-14 * size.max() + 1e-44
            assert scores[left_out].max() <= scores[items[worst]] + slack


def test_many_equal_scores_rank_by_code_even_when_products_round() -> None:
    rng = np.random.default_rng(0)
    few = rng.standard_normal((3, 7)).astype(np.float32)
    which = rng.integers(0, 3, 5 * WIDTH)
    lists = top_factors(few, few[which], 50, eligible=np.ones(which.size, np.bool_))
    for row, scores in enumerate(few.astype(np.float64) @ few.T.astype(np.float64)):
        assert lists.items[row].tolist() == np.flatnonzero(which == scores.argmax())[:50].tolist()


def test_scores_smaller_than_the_rounding_of_blas_are_still_ranked_exactly() -> None:
    rng = np.random.default_rng(0)
    user = rng.standard_normal(64).astype(np.float32)
    items = rng.standard_normal((3 * WIDTH, 64))
    # Nearly at right angles to the customer: what is left of the scores is below the rounding of float32.
    items = (items - np.outer(items @ user, user) / (user @ user)).astype(np.float32)
    scores = (items.astype(np.float64) @ user.astype(np.float64)).astype(np.float32)
    lists = top_factors(np.tile(user, (70, 1)), items.astype(np.float32), 30, eligible=np.ones(len(items), np.bool_))
    expected = np.lexsort((np.arange(len(items)), -scores))[:30].tolist()
    assert lists.items.tolist() == [expected] * 70


def test_a_customer_is_finished_only_when_no_later_item_can_enter() -> None:
    angle = 0.4
    items = np.zeros((8 * WIDTH, 2), np.float32)
    items[:] = np.linspace(2.0, 1.9, len(items))[:, np.newaxis] * [np.cos(angle), np.sin(angle)]
    # Shorter than all before it, but in the customer's own direction.
    items[-1] = [1.88, 0.0]
    lists = top_factors(np.array([[1.0, 0.0]], np.float32), items, 3, eligible=np.ones(len(items), np.bool_))
    assert lists.items.tolist() == [[len(items) - 1, 0, 1]]


@pytest.mark.parametrize("rows", [1, 127, 128, 129, 1000])
def test_lists_do_not_depend_on_how_customers_are_shared_between_calls_and_threads(rows: int) -> None:
    problem = random_problem(3, rows, 2 * WIDTH, factors=13, whole=False)
    packed = PackedItems.of(problem["items"], eligible=problem["eligible"])
    excluded = pattern(problem["excluded"])
    lists = packed.top(problem["users"], 10, excluded=excluded)
    for row in (0, rows // 2, rows - 1):
        alone = packed.top(problem["users"][row : row + 1], 10, excluded=excluded.block(row, row + 1))
        np.testing.assert_array_equal(alone.items[0], lists.items[row])
        np.testing.assert_array_equal(alone.scores[0], lists.scores[row])


def test_exclusions_need_not_be_in_order() -> None:
    items = np.arange(1, 9, dtype=np.float32)[:, np.newaxis]
    excluded = Csr.of(np.array([0, 3]), np.array([7, 2, 6]), np.ones(3), 8)
    lists = top_factors(np.ones((1, 1), np.float32), items, 3, eligible=np.ones(8, np.bool_), excluded=excluded)
    assert lists.items.tolist() == [[5, 4, 3]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("name", "said"), [("users", "user factors"), ("items", "item factors"), ("bias", "bias")])
def test_numbers_that_are_none_are_refused_by_row(bad: float, name: str, said: str) -> None:
    problem = random_problem(0, 4, 9, factors=3, whole=True)
    problem["eligible"][:] = True
    problem[name][2] = bad
    with pytest.raises(ValueError, match=rf"1 rows of the {said} hold NaN or infinity; the first is row 2\."):
        listed(problem, 2)


def test_scores_beyond_float32_are_refused() -> None:
    large = np.full((1, 2), 1e20, np.float32)
    with pytest.raises(ValueError, match="scale them down"):
        top_factors(large, large, 1, eligible=np.ones(1, np.bool_))


@pytest.mark.parametrize(
    ("users", "eligible", "bias", "excluded", "said"),
    [
        ((2, 3), 5, None, None, "items have 4 factors"),
        ((2, 4), 4, None, None, "There are 5 items"),
        ((2, 4), 5, 4, None, "There are 5 items"),
        ((2, 4), 5, None, (1, 5), "1 rows x 5 columns, not 2 x 5"),
        ((2, 4), 5, None, (2, 4), "2 rows x 4 columns, not 2 x 5"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    users: tuple[int, int], eligible: int, bias: int | None, excluded: tuple[int, int] | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        top_factors(
            np.zeros(users, np.float32),
            np.zeros((5, 4), np.float32),
            1,
            eligible=np.ones(eligible, np.bool_),
            excluded=None if excluded is None else Csr.empty(*excluded),
            bias=None if bias is None else np.zeros(bias, np.float32),
        )


def test_compiled_blas_is_loaded_before_it_is_held_to_one_thread() -> None:
    code = (
        "from ml_assets.models.matrices import dense_scores as d\n"
        "with d.threadpool_limits(1, user_api='blas'):\n"
        "    from threadpoolctl import threadpool_info\n"
        "    before = {each['filepath']: each['num_threads'] for each in threadpool_info()}\n"
        "    import numpy as np, scipy.linalg\n"
        "    d.top_factors(np.ones((9, 3), 'f4'), np.ones((9, 3), 'f4'), 2, eligible=np.ones(9, bool))\n"
        "    after = {e['filepath']: e['num_threads'] for e in threadpool_info() if e['user_api'] == 'blas'}\n"
        "assert set(after) <= set(before) and set(after.values()) == {1}, (before, after)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
