"""Polars columns as PostgreSQL's binary COPY format, built with NumPy.

The format only: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY and array_recv in
src/backend/utils/adt/arrayfuncs.c. All numbers are big-endian. There is no loop over rows or elements: the place of
every number and text in the buffer is computed, then all of a kind are written at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

# Type of an element in Polars -> its number in pg_type, and its big-endian NumPy type (None: text).
TYPES: dict[pl.DataType, tuple[int, str | None]] = {
    pl.Int16(): (21, ">i2"),
    pl.Int64(): (20, ">i8"),
    pl.Float32(): (700, ">f4"),
    pl.String(): (25, None),
}


def encode(blocks: Iterable[Sequence[pl.Series]]) -> Iterator[bytes | memoryview]:
    """The chunks of one COPY: header, one per block of columns, trailer.

    Columns are Int16, Int64, Float32, String or lists of these; nulls are allowed inside lists only.
    """
    yield SIGNATURE
    for block in blocks:
        yield _block(block)
    yield TRAILER


def _block(columns: Sequence[pl.Series]) -> memoryview:
    fields = [_list_field(column) if column.dtype == pl.List else _scalar_field(column) for column in columns]
    sizes: Ints = np.sum([4 + field.sizes for field in fields], axis=0) + 2
    ends = np.cumsum(sizes)
    starts: Ints = ends - sizes
    buffer = np.empty(int(ends[-1]), dtype=np.uint8)
    _put(buffer, starts, np.full(len(starts), len(fields), dtype=">i2"))
    at = starts + 2
    for field in fields:
        _put(buffer, at, field.sizes.astype(">i4"))
        field.write(buffer, at + 4)
        at = at + 4 + field.sizes
    return buffer.data


@dataclass(frozen=True)
class _Values:
    """Values of one type: `sizes` in bytes (0 for nulls), and how to put them at places in a buffer."""

    sizes: Ints
    present: npt.NDArray[np.bool_] | None
    numbers: npt.NDArray[np.generic] | None
    text: Bytes | None

    @classmethod
    def of(cls, values: pl.Series) -> "_Values":
        number_type = TYPES[values.dtype][1]
        present = values.is_not_null().to_numpy() if values.null_count() else None
        filled = values.drop_nulls()
        if number_type is not None:
            width = np.dtype(number_type).itemsize
            sizes = np.full(len(values), width) if present is None else np.where(present, width, 0)
            return cls(sizes.astype(np.int64), present, filled.to_numpy().astype(number_type), None)
        sizes = values.str.len_bytes().fill_null(0).to_numpy().astype(np.int64)
        joined = str(filled.str.join("")[0]).encode() if len(filled) else b""
        return cls(sizes, present, None, np.frombuffer(joined, dtype=np.uint8))

    def write(self, buffer: Bytes, at: Ints) -> None:
        places = at if self.present is None else at[self.present]
        if self.numbers is not None:
            _put(buffer, places, self.numbers)
        elif self.text is not None:
            sizes = self.sizes if self.present is None else self.sizes[self.present]
            before = np.cumsum(sizes) - sizes
            buffer[np.repeat(places - before, sizes) + np.arange(len(self.text))] = self.text

    @property
    def lengths(self) -> npt.NDArray[np.generic]:
        """The length words: -1 for nulls."""
        return (self.sizes if self.present is None else np.where(self.present, self.sizes, -1)).astype(">i4")


@dataclass(frozen=True)
class _ScalarField:
    values: _Values

    @property
    def sizes(self) -> Ints:
        return self.values.sizes

    def write(self, buffer: Bytes, at: Ints) -> None:
        self.values.write(buffer, at)


@dataclass(frozen=True)
class _ListField:
    """One array per row: 12 bytes (dimensions, has nulls, element type), 8 more (length, lower bound), elements."""

    counts: Ints
    elements: _Values
    element_type: int
    sizes: Ints

    def write(self, buffer: Bytes, at: Ints) -> None:
        numbers = self.elements.numbers
        if len(at) and numbers is not None and self.elements.present is None and self.counts.min() == self.counts.max():
            self._write_alike(buffer, at, numbers)
            return
        filled = self.counts > 0
        head = np.zeros(len(at), dtype=[("dimensions", ">i4"), ("nulls", ">i4"), ("type", ">i4")])
        head["dimensions"] = filled
        head["nulls"] = self.elements.present is not None
        head["type"] = self.element_type
        _put(buffer, at, head)
        shape = np.ones(int(filled.sum()), dtype=[("length", ">i4"), ("lower", ">i4")])
        shape["length"] = self.counts[filled]
        _put(buffer, at[filled] + 12, shape)
        sizes = 4 + self.elements.sizes
        before = np.cumsum(sizes) - sizes
        first = np.cumsum(self.counts) - self.counts
        # Rows without elements repeat nothing, so their `first` only has to be a valid index.
        base = (at + 20)[filled] - before[first[filled]]
        places = np.repeat(base, self.counts[filled]) + before
        _put(buffer, places, self.elements.lengths)
        self.elements.write(buffer, places + 4)

    def _write_alike(self, buffer: Bytes, at: Ints, numbers: npt.NDArray[np.generic]) -> None:
        """Lists of one length without nulls or text are records of one size, which are written whole."""
        count = int(self.counts[0])
        element = np.dtype([("length", ">i4"), ("number", numbers.dtype)])
        shape = [("shape", ">i4", (2,)), ("elements", element, (count,))] if count else []
        records = np.zeros(len(at), dtype=[("head", ">i4", (3,)), *shape])
        records["head"] = (int(count > 0), 0, self.element_type)
        if count:
            records["shape"] = (count, 1)
            records["elements"]["length"] = numbers.dtype.itemsize
            records["elements"]["number"] = numbers.reshape(len(at), count)
        _put(buffer, at, records)


def _scalar_field(column: pl.Series) -> _ScalarField:
    if column.null_count():
        raise ValueError(f"Column {column.name} has nulls; only lists may hold them.")
    return _ScalarField(_Values.of(column))


def _list_field(column: pl.Series) -> _ListField:
    if column.null_count():
        raise ValueError(f"Column {column.name} has null lists; use empty ones.")
    counts = column.list.len().to_numpy().astype(np.int64)
    flat = column.explode(empty_as_null=False)
    elements = _Values.of(flat)
    before = np.concatenate([[0], np.cumsum(4 + elements.sizes)])
    last = np.cumsum(counts)
    sizes = 12 + 8 * (counts > 0) + before[last] - before[last - counts]
    return _ListField(counts, elements, TYPES[flat.dtype][0], sizes.astype(np.int64))


def _put(buffer: Bytes, at: Ints, values: npt.NDArray[np.generic]) -> None:
    """Write every value at its byte offset: the buffer seen as all its overlapping windows of a value's width."""
    if not len(values):
        return
    width = values.dtype.itemsize
    windows = np.ndarray((len(buffer) - width + 1,), dtype=f"V{width}", buffer=buffer, strides=(1,))
    windows[at] = values.view(f"V{width}")
