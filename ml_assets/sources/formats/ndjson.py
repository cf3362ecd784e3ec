"""Newline-delimited JSON: one object a line."""

import json
from collections.abc import Sequence
from io import BytesIO

import polars as pl

from ml_assets.errors import UserError
from ml_assets.settings.source import FilesSource
from ml_assets.sources.formats.packed import read_bytes


def scan_ndjson(path: str, settings: FilesSource, wanted: Sequence[str]) -> pl.LazyFrame:  # noqa: ARG001 one signature
    """The file with the types that all its values have; a key that holds several is text.

    Raises `UserError` naming the first line that is no JSON object.
    """
    content = read_bytes(path)
    try:
        # Keys that only later lines have are columns too.
        return pl.read_ndjson(BytesIO(content), infer_schema_length=None).lazy()
    except pl.exceptions.PolarsError:
        raise _complaint(path, content) from None


def _complaint(path: str, content: bytes) -> UserError:
    for number, line in enumerate(content.splitlines(), 1):
        try:
            is_object = not line.strip() or isinstance(json.loads(line), dict)
        except ValueError:
            is_object = False
        if not is_object:
            start = line[:60].decode(errors="replace")
            return UserError(
                f"{path} line {number} is no JSON object: {start}",
                'Write one object a line, as in {"customer_id": 1, "item_id": 2}; a JSON array is no NDJSON.',
                code="source.unreadable",
            )
    return UserError(f"{path} holds no JSON object.", "Deliver the file again, whole.", code="source.unreadable")
