"""The recommender of the pipeline as one thing that can be stored: its card and its item-item weights.

What a stored model holds belongs here; training and scoring do not. It holds no customer and no history, so erasing
a customer never has to touch a model.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl
from upath import UPath

from ml_assets.models.artifacts import Arrays, load_artifact, save_artifact
from ml_assets.models.cards import ModelCard
from ml_assets.models.recommenders.sparse import Csr


@dataclass(frozen=True)
class ItemWeights:
    """A square matrix between items: row and column codes are positions in `items`."""

    items: pl.Series
    weights: Csr

    def arrays(self, name: str) -> Arrays:
        """As arrays whose names start with `name`."""
        return {
            f"{name}_items": _as_array(self.items),
            f"{name}_indptr": self.weights.indptr,
            f"{name}_indices": self.weights.indices,
            f"{name}_data": self.weights.data,
        }

    @classmethod
    def of(cls, name: str, arrays: Arrays) -> Self:
        """From the arrays of `arrays(name)`."""
        items = arrays[f"{name}_items"]
        dtype = pl.String if items.dtype.kind == "U" else pl.Int64
        weights = Csr.of(arrays[f"{name}_indptr"], arrays[f"{name}_indices"], arrays[f"{name}_data"], items.size)
        return cls(pl.Series("item_id", items.tolist(), dtype=dtype), weights)


@dataclass(frozen=True)
class RecommenderModel:
    """A trained recommender."""

    card: ModelCard
    collaborative: ItemWeights
    """Weights of EASE."""
    similar: ItemWeights
    """The most similar items of each item, with their similarity."""

    def save(self, folder: UPath | Path) -> str:
        """Write the model and return its checksum."""
        arrays = self.collaborative.arrays("collaborative") | self.similar.arrays("similar")
        return save_artifact(folder, self.card, arrays)

    @classmethod
    def load(cls, folder: UPath | Path, checksum: str | None = None) -> Self:
        """Read a model; raises `UserError` where it is missing, damaged or not the one with this checksum."""
        card, arrays = load_artifact(folder, checksum)
        return cls(card, ItemWeights.of("collaborative", arrays), ItemWeights.of("similar", arrays))


def _as_array(ids: pl.Series) -> npt.NDArray[np.int64] | npt.NDArray[np.str_]:
    """Integers, or text of fixed width, which need no pickle."""
    if ids.dtype == pl.String:
        return np.array(ids.to_list(), dtype=np.str_)
    return ids.to_numpy()
