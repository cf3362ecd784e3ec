"""The segmentation model: plain numbers that give any customer a segment, and the frames of a day.

What is needed after training belongs here: scaler, clusters and keys, kept without pickle, and the assignment.
The numbers stay frozen until the next training, so that customers move because they changed, not because clusters
did. Training is in `train.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from upath import UPath

from ml_assets.errors import UserError
from ml_assets.models.artifacts import load_artifact, save_artifact
from ml_assets.models.cards import ModelCard
from ml_assets.models.segmentation.calm import NOWHERE, settle
from ml_assets.models.segmentation.clusters import Clusters, Labels
from ml_assets.models.segmentation.inputs import DEFAULT, input_matrix
from ml_assets.models.segmentation.moves import share_moved
from ml_assets.models.segmentation.profiles import segments_frame
from ml_assets.models.segmentation.scaling import Matrix, QuantileScaler


@dataclass(frozen=True)
class SegmentationModel:
    """Measures, scaler, clusters and the key of each, richest first."""

    card: ModelCard
    inputs: tuple[str, ...]
    """The measures that decide, of `segments.MEASURES`."""
    scaler: QuantileScaler
    clusters: Clusters
    keys: tuple[str, ...]
    """The `segment_key` of each cluster."""
    margin: float
    """How much nearer another segment must be before a customer moves to it, as a share of the distance."""

    def assign(self, features: pl.DataFrame, before: pl.DataFrame | None = None) -> pl.Series:
        """The segment key of every row of the customer features, as `segment_key`.

        `before` (customer_id, segment_key) says where customers were last: they stay until they clearly belong
        elsewhere. Keys that the model does not have, and customers it does not name, are as if nowhere.
        """
        keys = [self.keys[label] for label in self.labels(features, before)]
        return pl.Series("segment_key", keys, dtype=pl.String)

    def labels(self, features: pl.DataFrame, before: pl.DataFrame | None = None) -> Labels:
        """The same as places in `keys`, shape (customers,)."""
        distances = self.clusters.distances(self.scaler.transform(input_matrix(features, self.inputs)))
        return settle(distances, self._places(features, before), self.margin)

    def _places(self, features: pl.DataFrame, before: pl.DataFrame | None) -> Labels:
        if before is None:
            return np.full(features.height, NOWHERE, dtype=np.intp)
        places = pl.DataFrame(
            {"segment_key": self.keys, "place": range(len(self.keys))},
            schema={"segment_key": pl.String, "place": pl.Int64},
        )
        last = before.select("customer_id", "segment_key").join(places, on="segment_key", how="inner")
        joined = features.select("customer_id").join(last, on="customer_id", how="left", maintain_order="left")
        return joined["place"].fill_null(NOWHERE).to_numpy().astype(np.intp)

    def save(self, folder: UPath | Path) -> str:
        """Write the model to a folder and return its checksum."""
        arrays = {
            "knots": self.scaler.knots,
            "centroids": self.clusters.centers,
            "axes": self.clusters.axes,
            "keys": np.array(self.keys, dtype=np.str_),
            "inputs": np.array(self.inputs, dtype=np.str_),
            "margin": np.array([self.margin]),
        }
        return save_artifact(folder, self.card, arrays)

    @classmethod
    def load(cls, folder: UPath | Path, checksum: str | None = None) -> SegmentationModel:
        """A saved model; raises `UserError` where it is missing, damaged or of another kind."""
        card, arrays = load_artifact(folder, checksum)
        if card.name != "segmentation":
            raise UserError(f"The model in {folder} is a {card.name}.", "Name the folder of a segmentation model.")
        centers: Matrix = arrays["centroids"]
        # Models of earlier versions say less: k-means on two measures, without a margin.
        axes = arrays.get("axes", np.eye(centers.shape[1]))
        inputs = tuple(str(name) for name in arrays["inputs"]) if "inputs" in arrays else DEFAULT
        keys = tuple(str(key) for key in arrays["keys"])
        margin = float(arrays["margin"][0]) if "margin" in arrays else 0.0
        return cls(card, inputs, QuantileScaler(arrays["knots"]), Clusters(centers, axes), keys, margin)


def assign(
    model: SegmentationModel,
    features: pl.DataFrame,
    before: pl.DataFrame | None = None,
    names: Mapping[str, str] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The segment of every customer on the day of the features, and the profile of every segment on that day.

    `before` is where customers were last, `names` what the shop calls its segments. Returns (segment_assignments:
    customer_id, segment_key; sorted as the features), (segments: segment_key, segment_name, description, customers,
    share and median columns).
    """
    assigned = model.assign(features, before)
    frame = segments_frame(features, assigned, model.keys, names)
    return features.select("customer_id").with_columns(assigned), frame


def left_alone(model: SegmentationModel, features: pl.DataFrame, before: pl.DataFrame) -> pl.Series:
    """The customers whom a model leaves in the segment that `before` (customer_id, segment_key) has them in."""
    assigned = features.select("customer_id").with_columns(model.assign(features, before))
    return assigned.join(before, on=["customer_id", "segment_key"], how="semi")["customer_id"]


def moved_share(live: SegmentationModel, new: SegmentationModel, features: pl.DataFrame) -> float:
    """The share of the customers whom a new model moves out of the segment that they have by the live one."""
    before = features.select("customer_id").with_columns(live.assign(features))
    return share_moved(features.select("customer_id").with_columns(new.assign(features, before)), before) or 0.0
