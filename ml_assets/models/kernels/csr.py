"""Sparse matrices in the one layout that the compiled kernels know.

The layout and its conversions belong here; what rows and columns mean does not. One set of types everywhere (int32
codes, int64 offsets, float32 values) means that every kernel is compiled once, for shops with text ids and shops with
integer ids alike.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Matrix = tuple[Int64, Int32, Float32]
"""What kernels take: (indptr, indices, data) of a `Csr`."""


@dataclass(frozen=True)
class Csr:
    """Compressed rows: row r holds columns `indices[indptr[r]:indptr[r + 1]]`, ascending, with `data` beside."""

    indptr: Int64
    indices: Int32
    data: Float32
    columns: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.indptr.size - 1

    @classmethod
    def of(cls, indptr: Int64, indices: Int32, data: npt.NDArray[np.floating], columns: int) -> Self:
        """Wrap arrays, converting their types where necessary.

        Read-only arrays are copied, because kernels would be compiled a second time for them.
        """
        return cls(
            np.require(indptr, np.int64, ["C", "W"]),
            np.require(indices, np.int32, ["C", "W"]),
            np.require(data, np.float32, ["C", "W"]),
            columns,
        )

    @classmethod
    def empty(cls, rows: int, columns: int) -> Self:
        """A matrix of zeros."""
        return cls.of(np.zeros(rows + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), columns)

    @classmethod
    def identity(cls, rows: Int32, columns: int) -> Self:
        """Some rows of the unit matrix."""
        return cls.of(np.arange(rows.size + 1, dtype=np.int64), rows, np.ones(rows.size), columns)

    def transposed(self) -> "Csr":
        """Rows become columns; cost linear in the entries."""
        turned = csr_matrix((self.data, self.indices, self.indptr), shape=(self.rows, self.columns)).tocsc()
        return Csr.of(turned.indptr, turned.indices, turned.data, self.rows)

    def block(self, first: int, last: int) -> "Csr":
        """Rows `first` to `last`, the latter excluded; entries are shared."""
        indptr = self.indptr[first : last + 1]
        part = slice(int(indptr[0]), int(indptr[-1]))
        return Csr(indptr - indptr[0], self.indices[part], self.data[part], self.columns)

    def places(self, rows: Int32) -> Int64:
        """Where the entries of some rows lie, one row after the other."""
        counts = self.indptr[rows + np.int64(1)] - self.indptr[rows]
        before = np.cumsum(counts) - counts
        return np.repeat(self.indptr[rows] - before, counts) + np.arange(counts.sum(), dtype=np.int64)

    def only(self, rows: Int32) -> "Csr":
        """Some rows, in the order given; entries are copied."""
        places = self.places(rows)
        counts = self.indptr[rows + np.int64(1)] - self.indptr[rows]
        return Csr(np.append(0, np.cumsum(counts)), self.indices[places], self.data[places], self.columns)

    def row_numbers(self) -> Int32:
        """The row of each entry."""
        return np.repeat(np.arange(self.rows, dtype=np.int32), np.diff(self.indptr))

    def with_columns(self, code_of: Int32, columns: int) -> "Csr":
        """Columns renumbered by `code_of`; entries whose new code is -1 are dropped. Order must be preserved."""
        codes = code_of[self.indices] if self.indices.size else self.indices
        return self.where(codes >= 0, codes, columns)

    def where(self, kept: Bools, indices: Int32 | None = None, columns: int | None = None) -> "Csr":
        """Only the entries marked in `kept`, optionally with other column numbers."""
        before = np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])
        return Csr.of(
            before[self.indptr],
            (self.indices if indices is None else indices)[kept],
            self.data[kept],
            self.columns if columns is None else columns,
        )

    def with_data(self, data: npt.NDArray[np.floating]) -> "Csr":
        """The same pattern with other values."""
        return Csr.of(self.indptr, self.indices, data, self.columns)

    def unit_rows(self) -> "Csr":
        """Rows scaled to length 1; rows of zeros stay."""
        squares = np.bincount(self.row_numbers(), weights=self.data.astype(np.float64) ** 2, minlength=self.rows)
        lengths = np.sqrt(squares)
        lengths[lengths == 0] = 1.0
        return self.with_data(self.data / lengths[self.row_numbers()])
