"""Compiled steps that find the largest of many numbers without putting them in order.

What is done with them belongs to the loops that call.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Float32, Int32

_LOW = 20
"""Bits of a float32 that a first look at its size leaves out."""


@compiled
def least_kept(sizes: Int32, kept: int) -> tuple[int, int]:
    """The size from which on a value is among the `kept` largest, and how many of exactly this size are.

    A size is the bits of a float32 that is not negative, which as whole numbers have the same order; `kept` is between
    1 and their number.
    """
    counts = np.zeros(1 << (31 - _LOW), np.int64)
    for column in range(sizes.size):
        counts[sizes[column] >> _LOW] += 1
    rough, above = counts.size - 1, 0
    while above + counts[rough] < kept:
        above += counts[rough]
        rough -= 1
    near = np.empty(counts[rough], np.int32)
    found = 0
    for column in range(sizes.size):
        if sizes[column] >> _LOW == rough:
            near[found] = sizes[column]
            found += 1
    near.sort()
    least = near[found - (kept - above)]
    # Of those within reach, what is larger than the least comes first.
    return least, kept - above - (found - np.searchsorted(near, least, side="right"))


@compiled
def copy_largest(values: Float32, sizes: Int32, least: int, equal: int, columns: Int32, data: Float32) -> int:
    """Copy the values that are larger than `least`, and the first `equal` of this size; returns how many there are."""
    found = 0
    for column in range(values.size):
        if sizes[column] > least or (sizes[column] == least and equal > 0):
            equal -= sizes[column] == least
            columns[found], data[found] = column, values[column]
            found += 1
    return found
