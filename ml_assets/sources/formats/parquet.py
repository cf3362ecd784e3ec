"""Parquet files."""

from collections.abc import Sequence

import polars as pl
from upath import UPath

from ml_assets.settings.source import FilesSource


def scan_parquet(path: str, settings: FilesSource, wanted: Sequence[str]) -> pl.LazyFrame:  # noqa: ARG001 one signature
    """The file as it is."""
    return pl.scan_parquet(path, storage_options=dict(UPath(path).storage_options) or None, glob=False)
