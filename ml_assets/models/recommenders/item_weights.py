"""Square matrices between items as arrays for artifacts, and back."""

import polars as pl

from ml_assets.models.artifacts import Arrays
from ml_assets.models.kernels.csr import Csr
from ml_assets.models.recommenders.ids import from_ids, to_ids


def stored_weights(items: pl.Series, weights: Csr) -> Arrays:
    """Row and column codes of `weights` are positions in `items`."""
    return {
        "items": from_ids(items),
        "indptr": weights.indptr,
        "indices": weights.indices,
        "data": weights.data,
    }


def restored_weights(arrays: Arrays) -> tuple[pl.Series, Csr]:
    """Items and weights from what `stored_weights` returned."""
    size = arrays["items"].size
    return to_ids(arrays["items"]), Csr.of(arrays["indptr"], arrays["indices"], arrays["data"], size)
