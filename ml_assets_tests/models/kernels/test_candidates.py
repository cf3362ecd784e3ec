"""The pass that finds candidates against the plain definition: each product's lists, their union, and all scores."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ml_assets.models.kernels.candidates import find_candidates
from ml_assets.models.kernels.csr import Csr
from ml_assets.models.matrices.sparse_scores import matrix, top_items
from ml_assets_tests.models.kernels.test_pairs import COUNTS, numbers, sparse

COLUMNS = st.sampled_from([1, 5, 63, 64, 200])
PADDED = 8


@given(st.data(), COUNTS, COUNTS, COLUMNS, st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_candidates_are_the_best_of_every_product_with_the_scores_of_all(
    data: st.DataObject, rows: int, inner: int, columns: int, depth: int
) -> None:
    products = [(data.draw(numbers(rows, inner)), data.draw(numbers(inner, columns))) for _ in range(3)]
    asked = np.array([1, 3, 3] + [0] * (PADDED - 3), np.int8)
    new, sold = (data.draw(arrays.arrays(np.bool_, columns)) for _ in range(2))
    bought, met = (data.draw(arrays.arrays(np.bool_, (rows, columns))) for _ in range(2))
    offered = data.draw(arrays.arrays(np.int32, (rows, 2), elements=st.integers(-1, columns - 1)))
    pairs = sparse((bought | met).astype(np.float32))
    nothing = matrix(Csr.empty(rows, columns))
    padding = [nothing] * (PADDED - 3)
    counts = np.full(rows, -9, np.int32)
    arguments: tuple[Any, ...] = (
        (*(matrix(sparse(left)) for left, _ in products), *padding),
        (*(matrix(sparse(right)) for _, right in products), *padding),
        asked, new.astype(np.int8) | sold.astype(np.int8) << 1, matrix(sparse(bought.astype(np.float32))),
        matrix(pairs), offered, depth,
        counts,
    )  # fmt: skip
    middle = rows // 2
    parts = [find_candidates(first, last, *arguments) for first, last in ((0, middle), (middle, rows))]
    items, entries, own, scores, relative = (np.concatenate(each, axis=-1) for each in zip(*parts, strict=True))
    expected = [set(row[row >= 0].tolist()) for row in offered]
    for (left, right), which in zip(products, asked, strict=False):
        lists = [
            top_items(sparse(left), sparse(right), depth, eligible=new, excluded=sparse(bought.astype(np.float32)))
        ]
        if which & 2:
            lists.append(top_items(sparse(left), sparse(right), depth, eligible=sold))
        for each in lists:
            for row in range(rows):
                expected[row] |= set(each.items[row][each.items[row] >= 0].tolist())
    wanted = [sorted(item for item in expected[row] if new[item] or bought[row, item]) for row in range(rows)]
    assert counts.tolist() == [len(each) for each in wanted]
    assert items.tolist() == [item for each in wanted for item in each]
    owner = np.repeat(np.arange(rows), counts)
    assert own.tolist() == bought[owner, items].tolist()
    places = {
        pair: place for place, pair in enumerate(zip(pairs.row_numbers().tolist(), pairs.indices.tolist(), strict=True))
    }
    assert entries.tolist() == [places.get(pair, -1) for pair in zip(owner.tolist(), items.tolist(), strict=True)]
    for place, (left, right) in enumerate(products):
        told = (left @ right)[owner, items]
        assert scores[place].tolist() == told.tolist()
        for row in range(rows):
            here = owner == row
            largest = max([0.0, *told[here]]) or 1.0
            np.testing.assert_allclose(relative[place, here], told[here] / largest, rtol=1e-6)
