"""What scoring cannot do without: the products alone, without any choice of the best. Nothing is kept.

As fast as we can make them, on as many threads as the scoring gets; the pattern of the work is that of `products`.
"""

# Compiled functions take positional arguments only.

from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_limits

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Csr, Float32, Matrix
from ml_assets.models.matrices.sparse_scores import in_threads, matrix

SHAPES = ((64, 512), (128, 512), (256, 512), (256, 1024))
"""Users x items multiplied at once."""


class BlockedProduct:
    """users x items' by BLAS in blocks that stay in the caches, one thread of BLAS for each worker."""

    def __init__(self, users: Float32, items: Float32) -> None:
        self._users = users
        # Turned beforehand, which is not counted.
        self.blocks = {
            width: [np.ascontiguousarray(items[at : at + width].T) for at in range(0, len(items), width)]
            for width in {width for _, width in SHAPES}
        }
        self.shape = min(SHAPES, key=lambda shape: min(self._seconds(shape) for _ in range(3)))
        """The fastest of the shapes on this machine."""

    def __call__(self) -> None:
        """Multiply once."""
        self._multiply(*self.shape)

    def _seconds(self, shape: tuple[int, int]) -> float:
        start = perf_counter()
        self._multiply(*shape)
        return perf_counter() - start

    def _multiply(self, height: int, width: int) -> None:
        blocks = self.blocks[width]

        def work(first: int, last: int) -> None:
            out = {block.shape[1]: np.empty((height, block.shape[1]), np.float32) for block in blocks}
            for start in range(first, last, height):
                group = self._users[start : min(start + height, last)]
                for block in blocks:
                    np.dot(group, block, out=out[block.shape[1]][: len(group)])

        with threadpool_limits(1, user_api="blas"):
            in_threads(len(self._users), work)


def scattered_product(left: Csr, right: Csr) -> None:
    """Left x right, every product added to its column; columns are never cleared nor looked at."""
    left_part, right_part = matrix(left), matrix(right)

    def work(first: int, last: int) -> None:
        _scatter(first, last, left_part, right_part, np.zeros(right.columns, np.float32))

    in_threads(left.rows, work)


@compiled
def _scatter(first: int, last: int, left: Matrix, right: Matrix, sums: Float32) -> None:
    for row in range(first, last):
        for a in range(left[0][row], left[0][row + 1]):
            r, factor = left[1][a], left[2][a]
            for b in range(right[0][r], right[0][r + 1]):
                # Unsigned, so that it needs no check for negative ones.
                sums[np.uint32(right[1][b])] += factor * right[2][b]
