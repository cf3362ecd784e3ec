"""Boosted trees laid out for the compiled walk of `kernels/trees.py`: LightGBM's predictions without LightGBM.

Reading the text that LightGBM writes and laying it out belong here; growing trees belongs to `ranker.py`. Scoring needs
neither the library nor OpenMP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ml_assets.errors import UserError
from ml_assets.models.kernels.csr import Float32, Float64, Int32
from ml_assets.models.kernels.trees import Masks, Splits, sum_trees
from ml_assets.models.matrices.sparse_scores import in_threads
from ml_assets.models.parameters import TRAIN_AGAIN

MOST_LEAVES = 64
"""Leaves of a tree, one bit each."""
# De Bruijn sequences: the bit that is left, times these, has its number in the highest bits.
_SEQUENCES = {32: 0x077CB531, 64: 0x03F79D71B4CB0A89}
# In LightGBM's `decision_type`.
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_NONE, _MISSING_NAN = 0, 2


@dataclass(frozen=True)
class Forest:
    """The trees of one or more boosters."""

    source: Int32
    """The feature of each column of the splits."""
    missing: Float32
    """What NaN counts as there: -inf goes left of every threshold, inf right."""
    splits: Splits
    leaves: Float64
    """Trees x slots, see the kernel."""
    names: list[str]
    """The features that the trees were grown on."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """From what `Booster.model_to_string` wrote, of one booster or several; of none, every sum is 0.

        Raises ValueError for trees with more than 64 leaves, categorical or linear ones, and for zeros that mean
        missing.
        """
        trees = [_fields(part) for text in texts for part in text.split("\nTree=")[1:]]
        most = max((int(tree["num_leaves"]) for tree in trees), default=1)
        if most > MOST_LEAVES:
            raise ValueError(f"A tree has {most} leaves, and at most {MOST_LEAVES} can be walked.")
        if any(tree.get("num_cat", "0") != "0" or tree.get("is_linear", "0") != "0" for tree in trees):
            raise ValueError("Trees with categories or linear leaves cannot be walked.")
        bits = 32 if most <= 32 else 64
        layout = _Layout(bits)
        for tree in trees:
            layout.add(tree)
        return cls(**layout.arrays(), names=_fields(texts[0])["feature_names"].split() if texts else [])

    def sums(self, names: Sequence[str], features: Float32) -> Float64:
        """For each pair the sum over all trees; `features` is features x pairs by name, each finite or NaN.

        The sums are those of `Booster.predict(raw_score=True)`, which is given pairs x features. Features are found by
        their names, in whatever order. Raises `UserError` where one that the trees ask for is not there.
        """
        pairs = features.shape[1]
        out = np.empty(pairs, np.float64)
        number: Any = self.splits[3].dtype.type
        width = self.splits[3].dtype.itemsize * 8
        multiplier, shift = number(_SEQUENCES[width]), number(_shift(width))
        arguments = (features, self._rows(names), self.missing, self.splits, self.leaves, multiplier, shift, out)
        in_threads(pairs, lambda first, last: sum_trees(first, last, *arguments))
        return out

    def _rows(self, names: Sequence[str]) -> Int32:
        """Where the features of the columns stand."""
        if list(names) == self.names:
            return self.source
        asked = [self.names[feature] for feature in self.source]
        unknown = sorted(set(asked) - set(names))
        if unknown:
            raise UserError(
                f"The ranker was trained by another version of ml_assets: it asks for {', '.join(unknown)}.",
                TRAIN_AGAIN,
            )
        return np.array([names.index(name) for name in asked], np.int32)


class _Layout:
    """Trees in the making."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._slot = [((_SEQUENCES[bits] << leaf) % (1 << bits)) >> _shift(bits) for leaf in range(bits)]
        self._columns: dict[tuple[int, float], int] = {}
        self._starts = [0]
        self._column: list[int] = []
        self._threshold: list[np.float32] = []
        self._kept: list[int] = []
        self._leaves: list[Float64] = []

    def add(self, tree: dict[str, str]) -> None:
        """Lay out one tree, its leaves numbered from left to right."""
        values = np.array(tree["leaf_value"].split(), np.float64)
        slots = np.zeros(self._bits)
        order = self._add_splits(tree) if values.size > 1 else [0]
        for bit, leaf in enumerate(order):
            slots[self._slot[bit]] = values[leaf]
        self._leaves.append(slots)
        self._starts.append(len(self._column))

    def _add_splits(self, tree: dict[str, str]) -> list[int]:
        """The splits of a tree; returns its leaves from left to right."""
        feature, kind, left, right = (
            [int(value) for value in tree[name].split()]
            for name in ("split_feature", "decision_type", "left_child", "right_child")
        )
        threshold = [float(value) for value in tree["threshold"].split()]
        order: list[int] = []

        # Trees may be as deep as they have leaves, less than Python's own stack.
        def walk(node: int) -> None:
            if node < 0:
                order.append(~node)
                return
            begin = len(order)
            walk(left[node])
            passed = (1 << len(order)) - (1 << begin)
            missing = -np.inf if _goes_left(kind[node], threshold[node]) else np.inf
            self._column.append(self._columns.setdefault((feature[node], missing), len(self._columns)))
            self._threshold.append(_rounded_down(threshold[node]))
            self._kept.append((1 << self._bits) - 1 - passed)
            walk(right[node])

        walk(0)
        return order

    def arrays(self) -> dict[str, Any]:
        """What was laid out, by the names of a `Forest`."""
        masks: npt.DTypeLike = np.uint32 if self._bits == 32 else np.uint64
        kept: Masks = np.array(self._kept, masks)
        sides = list(self._columns)
        splits: Splits = (
            np.array(self._starts, np.int64),
            np.array(self._column, np.int32),
            np.array(self._threshold, np.float32),
            kept,
        )
        return {
            "source": np.array([feature for feature, _ in sides], np.int32),
            "missing": np.array([missing for _, missing in sides], np.float32),
            "splits": splits,
            "leaves": np.array(self._leaves).reshape(-1, self._bits),
        }


def _shift(bits: int) -> int:
    """What brings the number of a bit down from the highest bits."""
    return bits - bits.bit_length() + 1


def _fields(text: str) -> dict[str, str]:
    """The lines `name=value` of a part of the text."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _goes_left(kind: int, threshold: float) -> bool:
    """Where a split sends what is not known."""
    missing = kind >> 2 & 3
    if missing == _MISSING_NAN:
        return bool(kind & _DEFAULT_LEFT)
    if missing == _MISSING_NONE:
        # Nothing was missing when the tree grew: LightGBM takes 0.
        return threshold >= 0.0
    raise ValueError("Trees that take zeros for missing cannot be walked.")


def _rounded_down(threshold: float) -> np.float32:
    """The largest finite float32 that is not above: what is a float32 is right of it where it is right of it in full.

    Finite, because what is missing, taken for inf, is right of every threshold.
    """
    most = np.finfo(np.float32).max
    near = np.float32(np.clip(threshold, -most, most))
    return near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf))
