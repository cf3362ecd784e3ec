"""One file as a lazy frame, by its format.

Which formats there are, and how a file's is known, belongs here; how each is read stands in its own module. What the
columns mean is the matter of `columns.py`.
"""

from collections.abc import Callable, Sequence

import polars as pl

from ml_assets.settings.source import FilesSource
from ml_assets.sources.formats.arrow import scan_arrow
from ml_assets.sources.formats.csv import scan_csv
from ml_assets.sources.formats.excel import scan_excel
from ml_assets.sources.formats.ndjson import scan_ndjson
from ml_assets.sources.formats.packed import PACKED
from ml_assets.sources.formats.parquet import scan_parquet

PACKED_OR_NOT = ("", *PACKED)
ENDINGS = {
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather", ".ipc"),
    "csv": tuple(f"{ending}{packed}" for ending in (".csv", ".tsv", ".txt") for packed in PACKED_OR_NOT),
    "ndjson": tuple(f"{ending}{packed}" for ending in (".ndjson", ".jsonl") for packed in PACKED_OR_NOT),
    "excel": (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"),
}
OPENERS: dict[str, Callable[[str, FilesSource, Sequence[str]], pl.LazyFrame]] = {
    "parquet": scan_parquet,
    "arrow": scan_arrow,
    "csv": scan_csv,
    "ndjson": scan_ndjson,
    "excel": scan_excel,
}


def format_of(path: str, settings: FilesSource) -> str | None:
    """The format of a file by the settings, else by its ending; None where neither tells."""
    if settings.format != "auto":
        return settings.format
    return next((kind for kind, endings in ENDINGS.items() if path.lower().endswith(endings)), None)


def open_table(path: str, settings: FilesSource, wanted: Sequence[str]) -> pl.LazyFrame:
    """One file; `wanted` are the columns that it should have, which help to tell its dialect.

    Raises Polars' and the system's own errors where it cannot be read, `UserError` where it can be told better.
    """
    return OPENERS[format_of(path, settings) or "csv"](path, settings, wanted)
