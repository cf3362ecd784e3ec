"""Frames too large for memory, put aside by a key in one unnamed file.

The file has no name from its first moment, so that the system frees it with its process, however that ends, and nobody
else can open it. What is put aside, and where, is the caller's matter.
"""

import io
import tempfile
import weakref
from collections import defaultdict
from collections.abc import Hashable
from pathlib import Path
from typing import IO, Generic, TypeVar

import polars as pl

from ml_assets.whole_files import explained

FREE_SPACE = "Free some space, or set `home` to a folder that has more; nothing was loaded."
# Less than this is no file at all.
IN_MEMORY = 64 * 2**20
Key = TypeVar("Key", bound=Hashable)


class Spill(Generic[Key]):
    """Frames by key, in the order in which they came; all of one key have the same columns.

    Raises `UserError` where the folder cannot be written, or is full.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # The caller's last use of it closes it.
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(folder))  # noqa: SIM115
        self.close = weakref.finalize(self, self._file.close)
        self._parts: dict[Key, list[tuple[int, int]]] = defaultdict(list)
        self._schema: dict[Key, pl.Schema] = {}
        self._rows: dict[Key, int] = defaultdict(int)
        self._end = 0

    @property
    def rows(self) -> dict[Key, int]:
        """Rows by key."""
        return dict(self._rows)

    def add(self, key: Key, frame: pl.DataFrame) -> None:
        """Put a frame aside."""
        packed = io.BytesIO()
        self._schema.setdefault(key, frame.schema)
        # Columns without a value are many, and not worth their bytes.
        frame = frame.select(column for column in frame if column.null_count() < frame.height or not frame.height)
        frame.write_ipc_stream(packed, compression="lz4")
        with explained(self._folder, FREE_SPACE):
            self._file.seek(self._end)
            written = self._file.write(packed.getbuffer())
        self._parts[key].append((self._end, written))
        self._rows[key] += frame.height
        self._end += written

    def read(self, key: Key) -> list[pl.DataFrame]:
        """The frames of a key."""
        return [self._frame(start, size, self._schema[key]) for start, size in self._parts.get(key, [])]

    def _frame(self, start: int, size: int, schema: pl.Schema) -> pl.DataFrame:
        self._file.seek(start)
        found = pl.read_ipc_stream(io.BytesIO(self._file.read(size)))
        nothing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in found.schema]
        return found.with_columns(nothing).select(schema.names())
