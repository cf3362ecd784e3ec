"""Polars columns as PostgreSQL's binary COPY format.

The format only: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY. How long every row becomes is
computed here with NumPy; the loops that write are in `kernels.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ml_assets.releases.copy.kernels import (
    NULL,
    Bools,
    Bytes,
    Ints,
    begin_arrays,
    begin_rows,
    put_numbers,
    put_texts,
)

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

# Type of an element in Polars -> its number in pg_type.
TYPES: dict[pl.DataType, int] = {pl.Int16(): 21, pl.Int64(): 20, pl.Float32(): 700, pl.Float64(): 701, pl.String(): 25}


def encode(columns: Sequence[pl.Series], chunk_bytes: int) -> Iterator[memoryview]:
    """Rows in chunks of at most so many bytes, and of at least one row.

    A COPY is `SIGNATURE`, any of these, `TRAILER`. Columns are Float64, or Int16, Int64, Float32, String or lists of
    these; nulls are allowed in texts, as Float64 and inside lists.
    """
    fields = [_field(column) for column in columns]
    ends = _running(np.sum([field.sizes for field in fields], axis=0) + 2)
    first = 0
    while first < len(ends) - 1:
        last = max(first + 1, int(np.searchsorted(ends, ends[first] + chunk_bytes, side="right")) - 1)
        buffer = np.empty(int(ends[last] - ends[first]), dtype=np.uint8)
        at: Ints = ends[first:last] - ends[first]
        begin_rows(buffer, at, len(fields))
        for field in fields:
            field.write(buffer, at, first, last)
        yield buffer.data
        first = last


class _Numbers:
    """Numbers of one width."""

    def __init__(self, values: pl.Series) -> None:
        self.has_nulls = values.null_count() > 0
        numbers = (values.fill_null(0) if self.has_nulls else values).to_numpy()
        # Bits are all that is written of a real number.
        bits = {"float32": np.int32, "float64": np.int64}.get(numbers.dtype.name)
        self._numbers = _constant(numbers if bits is None else numbers.view(bits))
        self._present: Bools = _constant(values.is_not_null().to_numpy() if self.has_nulls else np.empty(0, np.bool_))

    def bytes_before(self, places: Ints) -> Ints:
        """Bytes of all values before these places, with their lengths."""
        there = _running(self._present)[places] if self.has_nulls else places
        return 4 * places + self._numbers.itemsize * there

    def write(self, buffer: Bytes, at: Ints, counts: Ints, first: int, last: int) -> None:
        """Write the values of these places, so many per row."""
        put_numbers(buffer, at, counts, self._numbers[first:last], self._present[first:last])


class _Texts:
    """Texts, one after another."""

    def __init__(self, values: pl.Series) -> None:
        self.has_nulls = values.null_count() > 0
        self._lengths: Ints = _constant(values.str.len_bytes().cast(pl.Int64).fill_null(NULL).to_numpy())
        self._starts = _running(np.maximum(self._lengths, 0))
        joined = str(values.str.join("")[0]).encode() if len(values) else b""
        self._joined: Bytes = np.frombuffer(joined, dtype=np.uint8)

    def bytes_before(self, places: Ints) -> Ints:
        """Bytes of all texts before these places, with their lengths."""
        return 4 * places + self._starts[places]

    def write(self, buffer: Bytes, at: Ints, counts: Ints, first: int, last: int) -> None:
        """Write the texts of these places, so many per row."""
        joined = self._joined[self._starts[first] : self._starts[last]]
        put_texts(buffer, at, counts, self._lengths[first:last], joined)


@dataclass(frozen=True)
class _Field:
    """A column of a block: one value per row, or one array."""

    values: _Numbers | _Texts
    counts: Ints
    """Values per row."""
    starts: Ints
    """Where the values of every row begin, and where the last end."""
    sizes: Ints
    """Bytes per row, with the length."""
    element_type: int | None
    """Of an array."""

    def write(self, buffer: Bytes, at: Ints, first: int, last: int) -> None:
        """Write the field of these rows, each to its place."""
        counts = self.counts[first:last]
        if self.element_type is not None:
            begin_arrays(buffer, at, self.sizes[first:last] - 4, counts, (self.element_type, self.values.has_nulls))
        self.values.write(buffer, at, counts, int(self.starts[first]), int(self.starts[last]))


def _field(column: pl.Series) -> _Field:
    is_list = column.dtype == pl.List
    if column.null_count() and column.dtype not in (pl.String, pl.Float64):
        reason = "null lists; use empty ones" if is_list else "nulls; only texts, doubles and lists may hold them"
        raise ValueError(f"Column {column.name} has {reason}.")
    flat = column.explode(empty_as_null=False) if is_list else column
    counts = _constant(column.list.len().cast(pl.Int64).to_numpy() if is_list else np.ones(len(column), np.int64))
    heads = 4 + 12 + 8 * (counts > 0) if is_list else 0
    values = _Texts(flat) if flat.dtype == pl.String else _Numbers(flat)
    starts = _running(counts)
    sizes = heads + np.diff(values.bytes_before(starts))
    return _Field(values, counts, starts, sizes, TYPES[flat.dtype] if is_list else None)


def _constant(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array for reading only. Polars returns both kinds, and loops are compiled for each kind anew."""
    view = array.view()
    view.flags.writeable = False
    return view


def _running(sizes: npt.NDArray[Any]) -> Ints:
    """The sums before every place, and behind the last."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
