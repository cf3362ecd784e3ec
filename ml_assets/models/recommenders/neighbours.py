"""Nearest customers by the cosine of their histories, found through the inverted index.

The search and the panel that bounds its cost belong here; what neighbours are used for does not.
"""

from collections.abc import Callable

import numpy as np

from ml_assets.models.kernels.csr import Csr, Int32
from ml_assets.models.matrices.sparse_scores import nearest_columns

PANEL = 20_000
"""Neighbours are drawn from at most this many customers, so that cost grows with customers and not their square."""


Search = Callable[[Int32], Csr]
"""Gives, for some customers by their codes, their nearest others: rows x customers, similarities as data."""


def neighbour_search(vectors: Csr, neighbours: int, panel: int = PANEL) -> Search:
    """The nearest others by the cosine of `vectors`, customers x items."""
    unit = vectors.unit_rows()
    return nearest_others(unit, unit, neighbours, panel)


def nearest_others(asking: Csr, asked: Csr, neighbours: int, panel: int = PANEL) -> Search:
    """The others with the largest products of the asking customer's row with theirs, both customers x items.

    Larger shops draw neighbours from every n-th customer in the order of ids, which depends on nothing random.
    """
    step = max(1, -(-asked.rows // panel))
    members = np.arange(0, asked.rows, step, dtype=np.int32)
    in_panel = np.zeros(asked.rows, np.bool_)
    in_panel[members] = True
    kept = asked.where(in_panel[asked.row_numbers()])
    inverted = Csr(kept.indptr[np.append(members, asked.rows)], kept.indices, kept.data, kept.columns).transposed()

    def search(customers: Int32) -> Csr:
        itself = np.where(customers % step == 0, customers // step, -1).astype(np.int32)
        found = nearest_columns(asking.only(customers), inverted, min(neighbours, members.size), itself=itself)
        return Csr.of(found.indptr, members[found.indices], found.data, asked.rows)

    return search


def with_own_row(near: Csr, customers: Int32, own: float, others: float) -> Csr:
    """Weights instead of similarities: `own` for the customer, `others` shared equally by the neighbours.

    Rows of `near` (rows x customers) belong to `customers`.
    """
    counts = np.diff(near.indptr)
    return with_itself(near.with_data(np.repeat(others / np.maximum(counts, 1), counts)), customers, own)


def with_itself(near: Csr, customers: Int32, own: float) -> Csr:
    """The same weights, and `own` for the customer itself."""
    return Csr.of(
        near.indptr + np.arange(near.rows + 1),
        np.insert(near.indices, near.indptr[:-1], customers),
        np.insert(near.data, near.indptr[:-1], own),
        near.columns,
    )
