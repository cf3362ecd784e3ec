"""The compiled walk of many pairs through boosted trees at once: comparing and masking instead of branching.

Only numbers enter here; what trees are made of, and in which order their leaves stand, belongs to `ranking/forest.py`.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np
import numpy.typing as npt

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Float32, Float64, Int32, Int64

LANES = 512
"""Pairs that go through a tree together: few enough for their features to stay in the processor's caches; measured."""

_ZERO = np.float32(1e-35)
"""LightGBM takes what is not further from 0 for 0."""

Masks = npt.NDArray[np.unsignedinteger]
Splits = tuple[Int64, Int32, Float32, Masks]
"""Where each tree begins among the splits, then of each split: the column, the threshold, the leaves that stay."""


@compiled
def _fill(first: int, last: int, features: Float32, source: Int32, missing: Float32, block: Float32) -> None:
    """Copy what the trees ask for of some pairs; what is not known becomes what is `missing`."""
    for column in range(source.size):
        row, otherwise = source[column], missing[column]
        for lane in range(last - first):
            value = features[row, first + lane]
            if abs(value) <= _ZERO:
                value = np.float32(0.0)
            block[column, lane] = value if value == value else otherwise  # noqa: PLR0124 NaN is not itself


@compiled
def _keep_leaves(values: Float32, threshold: float, leaves: int, alive: Masks) -> None:
    """Of the pairs right of a threshold only these leaves stay; without a branch, many at once."""
    for lane in range(LANES):
        alive[lane] &= leaves if values[lane] > threshold else ~leaves | leaves


@compiled
def sum_trees(
    first: int, last: int, features: Float32, source: Int32, missing: Float32, splits: Splits, leaves: Float64,
    multiplier: int, shift: int, out: Float64,
) -> None:  # fmt: skip
    """The sum over all trees of the leaf that each pair reaches, for pairs `first` to `last`.

    Every split clears, for the pairs right of it, the leaves on its left; the lowest leaf that is left is the one
    reached (QuickScorer: Lucchese et al., SIGIR 2015). `features` is features x pairs, NaN where not known; column c of
    the splits is the feature `source[c]` with `missing[c]` for NaN. `leaves` is trees x slots: the leaf that is bit b
    stands in the slot (2^b x `multiplier`) >> `shift` (a de Bruijn sequence numbers the bits).
    """
    starts, column, threshold, kept = splits
    block = np.zeros((source.size, LANES), np.float32)
    alive, slot = np.empty(LANES, kept.dtype), np.empty(LANES, kept.dtype)
    total = np.empty(LANES, np.float64)
    everything = ~np.zeros(1, kept.dtype)
    for begin in range(first, last, LANES):
        end = min(begin + LANES, last)
        _fill(begin, end, features, source, missing, block)
        total[:] = 0.0
        for tree in range(starts.size - 1):
            alive[:] = everything[0]
            for split in range(starts[tree], starts[tree + 1]):
                _keep_leaves(block[column[split]], threshold[split], kept[split], alive)
            for lane in range(LANES):
                slot[lane] = (alive[lane] & (~alive[lane] + 1)) * multiplier
            for lane in range(LANES):
                total[lane] += leaves[tree, slot[lane] >> shift]
        out[begin:end] = total[: end - begin]
