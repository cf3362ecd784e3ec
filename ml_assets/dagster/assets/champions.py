"""Which models score a day, and what the assets that they make have in common."""

from datetime import date

import dagster as dg
from upath import UPath

from ml_assets.books.models import of_version, require_champion
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.lake import Lake
from ml_assets.models.segmentation.model import SegmentationModel
from ml_assets.models.training import artifact_fault, artifact_folder

GROUP = "predictions"


def inputs(shop: Shop, *names: str) -> dict[str, dg.AssetIn]:
    """The assets of the same day that a step loads."""
    return {name: dg.AssetIn(key=shop.key(name)) for name in names}


def artifact_of(lake: Lake, serving: ServingDatabase, kind: str, day: date, placement: str = "") -> tuple[UPath, str]:
    """Folder and checksum of the artifact of the model that scores a day."""
    with serving.connect() as connection:
        model = require_champion(connection, kind, day, placement)
    return artifact_folder(lake, model.artifact), model.checksum


def segmentation_of(connection: ServingConnection, lake: Lake, version: str) -> SegmentationModel | None:
    """The model that made segments; None where its files are gone or damaged."""
    found = of_version(connection, "segmentation", version)
    if found is None or artifact_fault(lake, found.artifact, found.checksum):
        return None
    return SegmentationModel.load(artifact_folder(lake, found.artifact), found.checksum)
