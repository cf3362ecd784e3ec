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
# Less than this is not written at all.
IN_MEMORY = 64 * 2**20
# Types of which whole frames may have one value.
FEW_VALUES = (pl.String, pl.Boolean, pl.Date)
Key = TypeVar("Key", bound=Hashable)


class Spill(Generic[Key]):
    """Frames by key, in the order in which they came; all of one key have the same columns.

    The newest are held as they are, up to `IN_MEMORY` bytes, and then written, the frames of a key as one. Raises
    `UserError` where the folder cannot be written, or is full.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # The caller's last use of it closes it.
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=1, dir=str(folder))  # noqa: SIM115
        self.close = weakref.finalize(self, self._file.close)
        self._held: dict[Key, list[pl.DataFrame]] = defaultdict(list)
        self._held_bytes = 0
        self._written: dict[Key, list[tuple[int, int, list[pl.Expr]]]] = defaultdict(list)
        self._columns: dict[Key, list[str]] = {}
        self._rows: dict[Key, int] = defaultdict(int)

    @property
    def rows(self) -> dict[Key, int]:
        """Rows by key."""
        return dict(self._rows)

    def add(self, key: Key, frame: pl.DataFrame) -> None:
        """Put a frame aside."""
        self._columns.setdefault(key, frame.columns)
        self._rows[key] += frame.height
        self._held[key].append(frame)
        self._held_bytes += int(frame.estimated_size())
        if self._held_bytes > IN_MEMORY:
            for one, frames in self._held.items():
                self._write(one, pl.concat(frames))
            self._held.clear()
            self._held_bytes = 0

    def read(self, key: Key) -> list[pl.DataFrame]:
        """The frames of a key."""
        written = [self._read(*place).select(self._columns[key]) for place in self._written.get(key, [])]
        return [*written, *self._held.get(key, [])]

    def _write(self, key: Key, frame: pl.DataFrame) -> None:
        packed = io.BytesIO()
        # Columns of one value are many, and not worth their bytes; some column has to tell how many rows there are.
        one_value = [column for column in frame if _has_one_value(column)][: frame.width - 1]
        # Compressing takes longer than the disk does.
        frame.drop(column.name for column in one_value).write_ipc_stream(packed, compression="uncompressed")
        with explained(self._folder, FREE_SPACE):
            start = self._file.seek(0, io.SEEK_END)
            size = self._file.write(packed.getbuffer())
            self._file.flush()
        again = [pl.lit(column[0], column.dtype).alias(column.name) for column in one_value]
        self._written[key].append((start, size, again))

    def _read(self, start: int, size: int, again: list[pl.Expr]) -> pl.DataFrame:
        self._file.seek(start)
        return pl.read_ipc_stream(io.BytesIO(self._file.read(size))).with_columns(again)


def _has_one_value(column: pl.Series) -> bool:
    """Whether all values are the same; of types that rarely have one, only whether there is none."""
    if column.null_count() or not len(column):
        return 0 < len(column) == column.null_count()
    if column.dtype not in FEW_VALUES or column[0] != column[-1]:
        return False
    return bool((column == column[0]).all())
