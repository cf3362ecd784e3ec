"""The entry point that Dagster loads: the shop that the settings describe."""

import dagster as dg

from ml_assets.dagster.build import build_defs
from ml_assets.dagster.storage_waits import bound_storage_waits
from ml_assets.settings.read.load import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """The shop that `ML_ASSETS_CONFIG`, `ml_assets.yaml` or the defaults describe."""
    bound_storage_waits()
    return build_defs(load_settings())
