"""Ids as NumPy arrays that need no pickle, and back."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl


def from_ids(ids: pl.Series) -> npt.NDArray[np.int64] | npt.NDArray[np.str_]:
    """Integers, or text of fixed width."""
    if ids.dtype == pl.String:
        return np.array(ids.to_list(), dtype=np.str_)
    return ids.to_numpy()


def to_ids(array: npt.NDArray[Any]) -> pl.Series:
    """The item ids that `from_ids` stored."""
    dtype = pl.String if array.dtype.kind == "U" else pl.Int64
    return pl.Series("item_id", array.tolist(), dtype=dtype)
