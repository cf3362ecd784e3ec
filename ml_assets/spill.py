"""Frames too large for memory, put aside by a key in one unnamed file.

The file has no name from its first moment, so that the system frees it with its process, however that ends, and nobody
else can open it. What is put aside, and where, is the caller's matter.
"""

import os
import tempfile
import weakref
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Generic, TypeVar

import polars as pl

from ml_assets.whole_files import explained

FREE_SPACE = "Free some space, or set `home` to a folder that has more; nothing was loaded."
# So many rows are not written at all: some 50 MB of a shop's lines.
ROWS_IN_MEMORY = 500_000
# What is written in one piece of several MB takes the kernel many times as long.
ROWS_WRITTEN = 65_536
# Types of which whole frames may have one value.
FEW_VALUES = (pl.String, pl.Boolean, pl.Date)
Key = TypeVar("Key", bound=Hashable)


class Spill(Generic[Key]):
    """Frames by key, in the order in which they came; all of one key have the same columns.

    The newest are held as they are, up to ROWS_IN_MEMORY, and then written, the frames of a key as one. Raises
    `UserError` where the folder cannot be written, or is full.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._held: dict[Key, list[pl.DataFrame]] = defaultdict(list)
        self._held_rows = 0
        self._written: dict[Key, list[_Place]] = defaultdict(list)
        self._columns: dict[Key, list[str]] = {}
        self._rows: dict[Key, int] = defaultdict(int)

    @property
    def rows(self) -> dict[Key, int]:
        """Rows by key."""
        return dict(self._rows)

    @property
    def size(self) -> int:
        """Bytes written."""
        return os.lseek(self._file.fileno(), 0, os.SEEK_END) if self._file else 0

    def add(self, key: Key, frame: pl.DataFrame) -> None:
        """Put a frame aside."""
        self._columns.setdefault(key, frame.columns)
        self._rows[key] += frame.height
        self._held[key].append(frame)
        self._held_rows += frame.height
        if self._held_rows > ROWS_IN_MEMORY:
            for one, frames in self._held.items():
                self._write(one, pl.concat(frames))
            self._held.clear()
            self._held_rows = 0

    def read(self, key: Key) -> list[pl.DataFrame]:
        """The frames of a key."""
        written = [self._read(place).select(self._columns[key]) for place in self._written.get(key, [])]
        return [*written, *self._held.get(key, [])]

    def _write(self, key: Key, frame: pl.DataFrame) -> None:
        # Columns of one value are many, and not worth their bytes; some column has to tell how many rows there are.
        one_value = [column for column in frame if _has_one_value(column)][: frame.width - 1]
        again = [pl.lit(column[0], column.dtype).alias(column.name) for column in one_value]
        rest = frame.drop(column.name for column in one_value)
        starts = []
        with explained(self._folder, FREE_SPACE):
            file = self._opened()
            for piece in rest.iter_slices(ROWS_WRITTEN) if frame.height else [rest]:
                starts.append(os.lseek(file.fileno(), 0, os.SEEK_END))
                # Compressing takes longer than the disk does.
                piece.write_ipc_stream(file, compression="uncompressed")
        self._written[key].append(_Place(starts, again))

    def _read(self, place: "_Place") -> pl.DataFrame:
        file, pieces = self._opened(), []
        for start in place.starts:
            os.lseek(file.fileno(), start, os.SEEK_SET)
            pieces.append(pl.read_ipc_stream(file))
        return pl.concat(pieces).with_columns(place.again)

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            # Without a buffer of Python's Polars writes into the file itself. The caller's last use of this closes it.
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        return self._file


@dataclass(frozen=True)
class _Place:
    """Where the pieces of a frame lie in the file, and the columns that were left out because they have one value."""

    starts: list[int]
    again: list[pl.Expr]


def _has_one_value(column: pl.Series) -> bool:
    """Whether all values are the same; of types that rarely have one, only whether there is none."""
    if column.null_count() or not len(column):
        return 0 < len(column) == column.null_count()
    if column.dtype not in FEW_VALUES or column[0] != column[-1]:
        return False
    return bool((column == column[0]).all())
