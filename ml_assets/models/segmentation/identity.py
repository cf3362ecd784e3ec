"""Which segment a cluster continues: the same customers under the same key, whatever a refit numbers them.

Matching clusters to live segments, and telling what became of those that match none, belong here. Keeping single
customers where they are is in `calm.py`; words for new segments are in `names.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml_assets.models.segmentation.clusters import Labels
from ml_assets.models.segmentation.scaling import Matrix
from ml_assets.models.segmentation.soundness import jaccards

Change = Literal["kept", "split", "merged", "born", "ended"]

SAME = 1 / 3
"""A cluster is the segment that it shares at least this Jaccard similarity with: half of each has stayed together."""
PARENT = 0.25
"""A live segment that gave at least this share of a cluster's customers is one of its parents."""
# Members decide; where they tell nothing, as in a shop whose customers are all others, the nearer center does.
_DISTANCE_WEIGHT = 0.1


@dataclass(frozen=True)
class Origin:
    """Where a segment comes from, or went."""

    change: Change
    parents: tuple[str, ...] = ()
    """Live segments that gave PARENT or more of its customers; of an ended one, the segments that took them."""


def match(live: Labels, new: Labels, distances: Matrix) -> list[int | None]:
    """For each new cluster the live segment that it continues, or None.

    `live` and `new` are the labels of the same customers, `distances` of shape (live segments, new clusters) those
    of their centers. The assignment with the smallest sum of 1 - Jaccard similarity, plus a little for distance (Kuhn,
    1955); pairs that share less than `SAME` are not the same.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 slow to import, and scoring needs none of it

    alike = jaccards(live, new, *distances.shape)
    span = float(distances.max()) or 1.0
    rows, columns = linear_sum_assignment(1 - alike + _DISTANCE_WEIGHT * distances / span)
    found: list[int | None] = [None] * distances.shape[1]
    for row, column in zip(rows, columns, strict=True):
        if alike[row, column] >= SAME:
            found[column] = int(row)
    return found


def origins(
    live: Labels, new: Labels, live_keys: Sequence[str], continued: Sequence[int | None]
) -> tuple[list[Origin], dict[str, Origin]]:
    """What became of the segments: an origin for each new cluster, and one for each live key that ended.

    A cluster that continues none is split from the parents that live on, merged from parents that ended, or born.
    """
    shared = np.zeros((len(live_keys), len(continued)))
    np.add.at(shared, (live, new), 1)
    goes_on = {row for row in continued if row is not None}
    made = [_origin(shared[:, column], live_keys, goes_on, row) for column, row in enumerate(continued)]
    ended = {}
    for row, key in enumerate(live_keys):
        if row not in goes_on:
            takers = _large(shared[row])
            ended[key] = Origin("ended", tuple(f"{taker}" for taker in takers))
    return made, ended


def by_key(keys: Sequence[str], made: Sequence[Origin], ended: Mapping[str, Origin]) -> dict[str, Origin]:
    """What became of every key; one that ended and was given again at once stands for the new segment."""
    return dict(ended) | dict(zip(keys, made, strict=True))


def _origin(given: Matrix, live_keys: Sequence[str], goes_on: set[int], row: int | None) -> Origin:
    parents = _large(given)
    names = tuple(live_keys[parent] for parent in parents)
    if row is not None:
        return Origin("kept", names)
    if not names:
        return Origin("born")
    return Origin("split" if any(parent in goes_on for parent in parents) else "merged", names)


def _large(counts: Matrix) -> list[int]:
    """Places that hold a share of at least PARENT, largest first."""
    whole = counts.sum()
    return [int(place) for place in np.argsort(-counts, kind="stable") if whole and counts[place] >= PARENT * whole]
