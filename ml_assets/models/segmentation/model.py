"""The segmentation model: plain numbers that give any customer a segment, and the frames of a day.

What is needed after training belongs here: scaler, centroids and names, kept without pickle, and the assignment.
The numbers stay frozen until the next training, so that customers move because they changed, not because clusters
did. Training is in `train.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from upath import UPath

from ml_assets.errors import UserError
from ml_assets.models.artifacts import load_artifact, save_artifact
from ml_assets.models.cards import ModelCard
from ml_assets.models.segmentation.clusters import nearest
from ml_assets.models.segmentation.profiles import segments_frame
from ml_assets.models.segmentation.scaling import Matrix, QuantileScaler

INPUTS = ("decayed_spend", "spend_365d")
"""The customer features that decide on the segment. Two inputs that say how much, lately and over the year: every
further one measured lowered silhouette, stability and the share of future spend that the segments explain."""


@dataclass(frozen=True)
class SegmentationModel:
    """Scaler, centroids and the name of each, richest first."""

    card: ModelCard
    scaler: QuantileScaler
    centroids: Matrix
    """Shape (segments, inputs), on the scaler's 0 to 1."""
    keys: tuple[str, ...]
    """The `segment_key` of each centroid."""

    def predict(self, values: Matrix) -> list[str]:
        """The segment keys of unscaled inputs of shape (customers, inputs), columns as in `INPUTS`."""
        return [self.keys[row] for row in nearest(self.scaler.transform(values), self.centroids)]

    def save(self, folder: UPath | Path) -> str:
        """Write the model to a folder and return its checksum."""
        arrays = {"knots": self.scaler.knots, "centroids": self.centroids, "keys": np.array(self.keys, dtype=np.str_)}
        return save_artifact(folder, self.card, arrays)

    @classmethod
    def load(cls, folder: UPath | Path, checksum: str | None = None) -> SegmentationModel:
        """A saved model; raises `UserError` where it is missing, damaged or of another kind."""
        card, arrays = load_artifact(folder, checksum)
        if card.name != "segmentation":
            raise UserError(f"The model in {folder} is a {card.name}.", "Name the folder of a segmentation model.")
        keys = tuple(str(key) for key in arrays["keys"])
        return cls(card, QuantileScaler(arrays["knots"]), arrays["centroids"], keys)


def assign(model: SegmentationModel, features: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The segment of every customer on the day of the features, and the profile of every segment on that day.

    Returns (segment_assignments: customer_id, segment_key; sorted as the features), (segments: segment_key,
    segment_name, description, customers, share and median columns).
    """
    assigned = pl.Series("segment_key", model.predict(input_matrix(features)), dtype=pl.String)
    return features.select("customer_id").with_columns(assigned), segments_frame(features, assigned, model.keys)


def input_matrix(features: pl.DataFrame) -> Matrix:
    """The inputs as doubles, shape (customers, inputs)."""
    return features.select(pl.col(INPUTS).cast(pl.Float64)).to_numpy()
