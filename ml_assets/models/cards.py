"""What is written down about a trained model: its card, its version and the fingerprint of its data.

Every model of the project has one card. How models are trained, stored or compared does not belong here.
"""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import BaseModel, ConfigDict, JsonValue

# Odd constants of splitmix64 (Steele, Lea and Flood, OOPSLA 2014); two passes, one with each, give 128 bits.
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_NULL = 0x9E3779B97F4A7C15


class ModelCard(BaseModel):
    """The facts about one trained model that the registry keeps and people ask for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["recommender", "segmentation", "customer_value"]
    version: str
    """`<name>-<first day it may score>-<8 hex digits of data, parameters and seed>`."""
    trained_through: date
    """Last day whose events it may have seen: the Sunday before its week, whether or not events of it had come."""
    data_as_of: date | None = None
    """Newest day whose events it has seen, closed days after it included; None in cards of earlier versions."""
    data_fingerprint: str
    parameters: dict[str, JsonValue]
    metrics: dict[str, float]
    rows: int
    """Rows of the training frame."""
    customers: int
    items: int
    """Different items the model knows; 0 where it knows none."""
    duration_seconds: float
    seed: int
    libraries: dict[str, str]
    """Versions of the libraries that made the numbers."""


def model_version(
    name: str, trained_through: date, data_fingerprint: str, parameters: Mapping[str, JsonValue], seed: int
) -> str:
    """The same data, parameters and seed always give the same version; any change gives another."""
    facts = json.dumps([data_fingerprint, dict(parameters), seed], sort_keys=True)
    digest = hashlib.sha256(facts.encode()).hexdigest()[:8]
    return f"{name}-{trained_through + timedelta(days=1)}-{digest}"


def library_versions(names: Sequence[str]) -> dict[str, str]:
    """Installed versions by distribution name."""
    return {name: importlib.metadata.version(name) for name in names}


def fingerprint(frame: pl.DataFrame) -> str:
    """32 hex digits that depend on names, types and rows of a flat frame, not on the order of its rows.

    Rows are mixed to 64 bits and added, so the cost is linear and nothing is sorted. It tells data apart;
    it is no protection against forgery. Stable over versions of Polars, unlike its own row hashes.
    """
    columns = sorted(frame.columns)
    schema = [(name, str(frame.schema[name])) for name in columns]
    words = [_words(frame[name]) for name in columns]
    sums = [_sum_of_rows(words, frame.height, np.uint64(multiplier)) for multiplier in _MULTIPLIERS]
    return hashlib.sha256(json.dumps([schema, frame.height, sums]).encode()).hexdigest()[:32]


def _sum_of_rows(words: list[npt.NDArray[np.uint64]], rows: int, multiplier: np.uint64) -> int:
    mixed = np.zeros(rows, dtype=np.uint64)
    for column in words:
        mixed = _mix(mixed * multiplier + column, multiplier)
    return int(mixed.sum(dtype=np.uint64))


def _mix(values: npt.NDArray[np.uint64], multiplier: np.uint64) -> npt.NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * multiplier
    return values ^ (values >> np.uint64(29))


def _words(column: pl.Series) -> npt.NDArray[np.uint64]:
    """One 64-bit word per value."""
    dtype = column.dtype
    if dtype == pl.String:
        distinct = column.unique().drop_nulls()
        digests = pl.Series([_digest(text) for text in distinct], dtype=pl.UInt64)
        numbers = column.replace_strict(distinct, digests, default=None, return_dtype=pl.UInt64)
    elif dtype.is_float():
        # Adding zero gives -0.0 and 0.0, which are equal, the same bits.
        bits = (column.cast(pl.Float64) + 0.0).fill_null(0.0).to_numpy().view(np.uint64)
        numbers = pl.Series(bits).set(column.is_null(), None) if column.null_count() else pl.Series(bits)
    elif dtype.is_integer() or dtype.is_temporal() or dtype == pl.Boolean:
        numbers = column.to_physical().cast(pl.Int64).reinterpret(signed=False)
    else:
        raise TypeError(f"Column {column.name} of type {dtype} has no fingerprint: only flat frames do.")
    return numbers.cast(pl.UInt64).fill_null(_NULL).to_numpy()


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
