"""The compiled loop that puts items drawn by chance into the lower half of lists.

Which lists explore, and what a drawn item may not meet, is decided by the caller.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np
import numpy.typing as npt

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Float32, Int8, Int32

UInt64 = npt.NDArray[np.uint64]

# SplitMix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
STEP = np.uint64(0x9E3779B97F4A7C15)
FIRST_FACTOR, SECOND_FACTOR = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)
TO_DOUBLE, UNIT = np.uint64(11), 2.0**-53


@compiled
def _uniform(seed: np.uint64, number: int) -> float:
    """The draw of a number, from 0, that belongs to a seed: from 0 to below 1."""
    mixed = seed + STEP * np.uint64(number + 1)
    mixed = (mixed ^ (mixed >> SHIFTS[0])) * FIRST_FACTOR
    mixed = (mixed ^ (mixed >> SHIFTS[1])) * SECOND_FACTOR
    return np.float64((mixed ^ (mixed >> SHIFTS[2])) >> TO_DOUBLE) * UNIT


@compiled
def _next_candidates(
    row: int, k: int, items: Int32, counts: Int32, groups: Int32, most: Int32, places: Int32
) -> int:  # fmt: skip
    """Write the places behind `k` whose items may be shown; how many.

    Counted are the first `k` and all candidates before, so whichever are drawn together, no group is there more often
    than `most` allows.
    """
    found = 0
    for place in range(k, counts[row]):
        fits = True
        for kind in range(most.size):
            group = groups[kind, items[row, place]]
            if group < 0:
                continue
            there = 0
            for other in range(k):
                there += groups[kind, items[row, other]] == group
            for other in range(found):
                there += groups[kind, items[row, places[other]]] == group
            if there >= most[kind]:
                fits = False
                break
        if fits:
            places[found] = place
            found += 1
    return found


@compiled
def explore(
    first: int, last: int, seeds: UInt64, epsilon: float, k: int, groups: Int32, most: Int32, items: Int32,
    tiers: Int8, counts: Int32, propensities: Float32,
) -> None:  # fmt: skip
    """Swap items of the lower half of the first `k` with candidates from behind them, in place.

    `groups` (kinds x items) holds a group for each item, -1 for none, of which `most` of a kind may be among the first
    `k`. `propensities` (rows x K) becomes the probability with which each item is among the first `k`.

    Each of the last n places of the first `k`, n the lower half or as many as there are candidates, is given up with
    probability `epsilon`, independently. What comes there is drawn from the M candidates that are left, uniformly. By
    symmetry each candidate is shown with probability n * epsilon / M, and what stood there with 1 - epsilon.
    """
    places = np.empty(items.shape[1], np.int32)
    for row in range(first, last):
        for place in range(counts[row]):
            propensities[row, place] = 1.0 if place < k else 0.0
        if counts[row] <= k:
            continue
        candidates = _next_candidates(row, k, items, counts, groups, most, places)
        slots = min(k // 2, candidates)
        for place in range(k - slots, k):
            propensities[row, place] = 1.0 - epsilon
        for number in range(candidates):
            propensities[row, places[number]] = slots * epsilon / candidates
        drawn = 0
        for slot in range(slots):
            if _uniform(seeds[row], 2 * slot) >= epsilon:
                continue
            chosen = drawn + int(_uniform(seeds[row], 2 * slot + 1) * (candidates - drawn))
            here, there = k - slots + slot, places[chosen]
            places[chosen], places[drawn] = places[drawn], there
            drawn += 1
            items[row, here], items[row, there] = items[row, there], items[row, here]
            tiers[row, here], tiers[row, there] = tiers[row, there], tiers[row, here]
            propensities[row, here], propensities[row, there] = propensities[row, there], propensities[row, here]
