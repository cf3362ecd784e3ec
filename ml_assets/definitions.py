"""The entry point that Dagster loads: the shop that the settings describe, or those of several settings files."""

from functools import cache
from pathlib import Path

import dagster as dg

from ml_assets.dagster.build import build_defs
from ml_assets.dagster.storage_waits import bound_storage_waits
from ml_assets.settings.read.load import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """The shop that `ML_ASSETS_CONFIG`, `ml_assets.yaml` or the defaults describe."""
    bound_storage_waits()
    return build_defs(load_settings())


@cache
def __getattr__(name: str) -> dg.Definitions:
    """The shop of a settings file, as a workspace with several names them: `attribute: /srv/shops/books.yaml`.

    A location of a workspace cannot have variables of its own.
    """
    if not name.endswith((".yaml", ".yml")):
        raise AttributeError(name)
    bound_storage_waits()
    return build_defs(load_settings(Path(name)))
