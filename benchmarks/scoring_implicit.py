"""The same lists by the package implicit, where it is installed, called as its documentation says."""

from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from ml_assets.models.kernels.csr import Bools, Csr, Float32, Int32

INSTALLED = find_spec("implicit") is not None
INSTALL = "pip install -e '.[bench]'"


def dense_lists(users: Float32, items: Float32, k: int, eligible: Bools, excluded: Csr) -> Int32:
    """`implicit.cpu.topk.topk` on all threads; unavailable items are its `filter_items`."""
    from implicit.cpu.topk import topk  # noqa: PLC0415 an optional package

    with threadpool_limits(1, user_api="blas"):
        codes: Int32 = topk(
            items, users, k, filter_query_items=_scipy(excluded), filter_items=np.flatnonzero(~eligible), num_threads=0
        )[0]
    return codes


class SparseLists:
    """`ItemItemRecommender.recommend` for all users.

    Its `filter_items` lengthens every list by as many items, so unavailable items are taken out of the similarities
    beforehand, in its favour and not counted.
    """

    def __init__(self, similar: Csr, eligible: Bools) -> None:
        from implicit.nearest_neighbours import ItemItemRecommender, NearestNeighboursScorer  # noqa: PLC0415

        self._model = ItemItemRecommender()
        self._model.similarity = _scipy(similar.where(eligible[similar.indices])).astype(np.float64)
        self._model.scorer = NearestNeighboursScorer(self._model.similarity)

    def __call__(self, histories: Csr, k: int) -> tuple[Int32, npt.NDArray[np.float64]]:
        """Lists of all users, without what is in their histories."""
        users = _scipy(histories).astype(np.float64)
        codes, scores = self._model.recommend(np.arange(histories.rows), users, N=k, filter_already_liked_items=True)
        return codes, scores


def _scipy(matrix: Csr) -> csr_matrix:
    return csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.rows, matrix.columns))
