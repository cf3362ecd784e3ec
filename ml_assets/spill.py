"""Frames too large for memory, and files that wait for their moment, put aside by a key in one unnamed file.

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
ROWS_WRITTEN, BYTES_WRITTEN = 65_536, 2**20
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

    def take(self, key: Key) -> list[pl.DataFrame]:
        """The frames of a key, of which nothing is held from now on."""
        found = self.read(key)
        self._held_rows -= sum(frame.height for frame in self._held.pop(key, []))
        for known in (self._written, self._columns, self._rows):
            known.pop(key, None)
        return found

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
            self._file = _unnamed_file(self._folder, self)
        return self._file


class SpilledBytes(Generic[Key]):
    """Bytes by key, the last under each, in an unnamed file of their own.

    Raises `UserError` where the folder cannot be written, or is full.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._places: dict[Key, tuple[int, int]] = {}
        self._end = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def add(self, key: Key, content: bytes) -> None:
        """Put bytes aside."""
        with explained(self._folder, FREE_SPACE):
            self._file = self._file or _unnamed_file(self._folder, self)
            for start in range(0, len(content), BYTES_WRITTEN):
                _write_all(self._file, memoryview(content)[start : start + BYTES_WRITTEN])
        self._places[key] = (self._end, len(content))
        self._end += len(content)

    def read(self, key: Key) -> bytes:
        """Those of a key; raises `KeyError` where there are none."""
        start, size = self._places[key]
        return os.pread(self._file.fileno(), size, start) if self._file else b""


def _write_all(file: IO[bytes], content: memoryview) -> None:
    while content:
        content = content[file.write(content) :]


def _unnamed_file(folder: Path, owner: object) -> IO[bytes]:
    # Without a buffer of Python's Polars writes into the file itself. The caller's last use of the owner closes it.
    file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
    weakref.finalize(owner, file.close)
    return file


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
