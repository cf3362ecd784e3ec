"""Compiled steps that all loops over rows of sparse products share: how many there are, and adding them up in pages.

What is done with the sums belongs to `top_sums.py` (one list) and `candidates.py` (the lists of all products).
"""

# Compiled functions take positional arguments only.

from typing import Any

import numpy as np

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Float32, Int8, Matrix

PAGE = 64
"""Columns looked through at once."""
FEW = 4
"""Rows with fewer products than this part of the columns list what they touch; measured."""
LEAST = np.float32(2.0**-149)
"""The smallest positive score."""


@compiled
def count_products(row: int, left: Matrix, right: Matrix) -> int:
    """How many products a row of left x right consists of."""
    count = 0
    for a in range(left[0][row], left[0][row + 1]):
        count += right[0][left[1][a] + 1] - right[0][left[1][a]]
    return count


@compiled
def add_in_pages(row: int, left: Matrix, right: Matrix, sums: Float32, marked: Int8) -> None:
    """Add a row of left x right to `sums` and mark the pages it touches."""
    for a in range(left[0][row], left[0][row + 1]):
        r, factor = left[1][a], left[2][a]
        for b in range(right[0][r], right[0][r + 1]):
            column = np.uint32(right[1][b])
            sums[column] += factor * right[2][b]
            marked[column // np.uint32(PAGE)] = 1


@compiled
def may_enter(page: int, pages: Float32, lowest: Any) -> bool:
    """Whether any column of a page is at least `lowest`, a float of any width."""
    promising = np.uint8(0)
    for lane in range(PAGE):
        # Neither a branch nor a wider type, so that the compiler compares many at once.
        promising = np.uint8(promising | np.uint8(pages[page, lane] >= lowest))
    return bool(promising)
