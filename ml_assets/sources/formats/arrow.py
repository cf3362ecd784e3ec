"""Arrow files, also called Feather or IPC, and streams of Arrow."""

from collections.abc import Sequence
from io import BytesIO

import polars as pl
from upath import UPath

from ml_assets.settings.source import FilesSource
from ml_assets.sources.formats.packed import read_bytes, read_start

MAGIC = b"ARROW1"
"""What files of Arrow begin with, and streams do not."""


def scan_arrow(path: str, settings: FilesSource, wanted: Sequence[str]) -> pl.LazyFrame:  # noqa: ARG001 one signature
    """The file with its own types; categories are texts."""
    if read_start(path, len(MAGIC)) == MAGIC:
        frame = pl.scan_ipc(path, storage_options=dict(UPath(path).storage_options) or None)
    else:
        frame = pl.read_ipc_stream(BytesIO(read_bytes(path))).lazy()
    kinds = frame.collect_schema()
    texts = [name for name, kind in kinds.items() if isinstance(kind, pl.Categorical | pl.Enum)]
    return frame.with_columns(pl.col(texts).cast(pl.String))
