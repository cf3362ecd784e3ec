"""Compiled loops that describe pairs: rows of tables brought to the pairs that ask for them.

Features stand in rows, pairs in columns, so that a walk through trees reads what it needs in one piece. Only numbers
enter here; what they say is in `ranking/features.py`.
"""

# Compiled functions take positional arguments only.
# ruff: noqa: PLR0917

import numpy as np

from ml_assets.models.kernels.compiling import compiled
from ml_assets.models.kernels.csr import Float32, Float64, Int32, Int64, Matrix


@compiled
def gather(first: int, last: int, table: Float32, places: Int64, otherwise: Float32, out: Float32) -> None:
    """out[f, p] = table[places[p], f] for pairs `first` to `last`; otherwise[f] where the place is -1."""
    for pair in range(first, last):
        place = places[pair]
        if place < 0:
            for feature in range(out.shape[0]):
                out[feature, pair] = otherwise[feature]
        else:
            for feature in range(out.shape[0]):
                out[feature, pair] = table[place, feature]


@compiled
def describe_categories(
    first: int, last: int, starts: Int64, items: Int32, category: Int32, shares: Matrix, ages: Float32, usual: Float64,
    out: Float32,
) -> None:  # fmt: skip
    """What the category of each pair's item is to the customer, for rows `first` to `last`.

    `category` is that of each item, -1 for none; a row of `shares` holds the categories of a customer with their
    shares, `ages` stands beside; `usual` is the share of each category in all customers. `out` (3 x pairs) receives
    the share, the share relative to the usual one, and the age; 0, 0 and NaN where the customer never met the category.
    """
    share, age = np.zeros(usual.size, np.float32), np.full(usual.size, np.nan, np.float32)
    for row in range(first, last):
        for entry in range(shares[0][row], shares[0][row + 1]):
            share[shares[1][entry]], age[shares[1][entry]] = shares[2][entry], ages[entry]
        for pair in range(starts[row], starts[row + 1]):
            own = category[items[pair]]
            if own < 0:
                out[0, pair], out[1, pair], out[2, pair] = 0.0, 0.0, np.nan
            else:
                out[0, pair], out[1, pair], out[2, pair] = share[own], share[own] / max(usual[own], 1e-9), age[own]
        for entry in range(shares[0][row], shares[0][row + 1]):
            share[shares[1][entry]], age[shares[1][entry]] = 0.0, np.nan
