"""Loops that write values into a buffer as PostgreSQL's binary COPY wants them: big-endian, each after its length.

The loops only; which column becomes what is in `encode.py`. Every loop writes one column of all rows of a block.
`at` holds, for every row, where its next byte belongs; a loop moves it behind what it wrote. Nobody checks the
bounds: the buffer must be as long as `encode.py` has computed.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ml_assets.models.kernels.compiling import compiled

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

# Lengths of nulls.
NULL = -1


@compiled
def _put_2(buffer: Bytes, place: np.uintp, value: int) -> np.uintp:
    bits = np.uint32(value)
    buffer[place] = np.uint8(bits >> np.uint32(8))
    buffer[place + np.uintp(1)] = np.uint8(bits)
    return place + np.uintp(2)


@compiled
def _put_4(buffer: Bytes, place: np.uintp, value: int | np.uint64) -> np.uintp:
    # Unsigned places need no look at the sign, and the compiler makes one swapped store of four.
    bits = np.uint32(value)
    buffer[place] = np.uint8(bits >> np.uint32(24))
    buffer[place + np.uintp(1)] = np.uint8(bits >> np.uint32(16))
    buffer[place + np.uintp(2)] = np.uint8(bits >> np.uint32(8))
    buffer[place + np.uintp(3)] = np.uint8(bits)
    return place + np.uintp(4)


@compiled
def _put_8(buffer: Bytes, place: np.uintp, value: int) -> np.uintp:
    bits = np.uint64(value)
    place = _put_4(buffer, place, bits >> np.uint64(32))
    return _put_4(buffer, place, bits)


@compiled
def begin_rows(buffer: Bytes, at: Ints, fields: int) -> None:
    """The number of fields before every row."""
    for row in range(len(at)):
        at[row] = _put_2(buffer, np.uintp(at[row]), fields)


@compiled
def begin_arrays(buffer: Bytes, at: Ints, sizes: Ints, counts: Ints, kind: tuple[int, bool]) -> None:
    """The head of one array per row: 12 bytes (dimensions, has nulls, type), 8 more (length, lower bound) if filled.

    `sizes` are the bytes of the whole arrays with their heads, `kind` the type of their elements and whether some are
    null; all after array_recv in src/backend/utils/adt/arrayfuncs.c.
    """
    element_type, has_nulls = kind
    for row in range(len(at)):
        place = _put_4(buffer, np.uintp(at[row]), sizes[row])
        place = _put_4(buffer, place, 1 if counts[row] > 0 else 0)
        place = _put_4(buffer, place, 1 if has_nulls else 0)
        place = _put_4(buffer, place, element_type)
        if counts[row] > 0:
            place = _put_4(buffer, place, counts[row])
            place = _put_4(buffer, place, 1)
        at[row] = place


@compiled
def put_numbers(buffer: Bytes, at: Ints, counts: Ints, numbers: npt.NDArray[Any], present: Bools) -> None:
    """So many numbers of 2, 4 or 8 bytes into every row; `present` is empty where none is null."""
    width = numbers.itemsize
    element = np.uintp(0)
    for row in range(len(at)):
        place = np.uintp(at[row])
        for _ in range(counts[row]):
            if len(present) > 0 and not present[element]:
                place = _put_4(buffer, place, NULL)
            else:
                place = _put_4(buffer, place, width)
                if width == 8:
                    place = _put_8(buffer, place, numbers[element])
                elif width == 4:
                    place = _put_4(buffer, place, numbers[element])
                else:
                    place = _put_2(buffer, place, numbers[element])
            element += np.uintp(1)
        at[row] = place


@compiled
def put_texts(buffer: Bytes, at: Ints, counts: Ints, lengths: Ints, joined: Bytes) -> None:
    """So many texts into every row; `lengths` in bytes, -1 for nulls; `joined` holds them one after another."""
    element = np.uintp(0)
    byte = np.uintp(0)
    for row in range(len(at)):
        place = np.uintp(at[row])
        for _ in range(counts[row]):
            place = _put_4(buffer, place, lengths[element])
            for _ in range(lengths[element]):
                buffer[place] = joined[byte]
                place += np.uintp(1)
                byte += np.uintp(1)
            element += np.uintp(1)
        at[row] = place
