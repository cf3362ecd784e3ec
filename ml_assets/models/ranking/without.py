"""What pairs would score had the customer not bought one item, by the methods for which that is a difference.

Item-item weights and factors are linear in a customer's history, so what an item gave can be taken away again; the
others are left as they are. Which items are asked about belongs to `reasons.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ml_assets.models.kernels import rows as row_kernels
from ml_assets.models.kernels.csr import Csr, Float32, Int32, Int64
from ml_assets.models.matrices.sparse_scores import Product, in_threads, matrix
from ml_assets.models.ranking.candidates import Pool, places_of
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.ease import Ease
from ml_assets.models.recommenders.factorisation import Factorisation
from ml_assets.models.recommenders.purchases import Purchases, encode
from ml_assets.models.recommenders.similarity import ItemSimilarity

_LEAST = np.float32(1e-9)


@dataclass(frozen=True)
class Without:
    """The linear methods of a model, over the histories of a day."""

    _pairs: Csr
    _products: dict[str, tuple[Product, Int32]]
    """With the column of each item in the left side, -1 for none."""
    _factors: dict[str, tuple[Csr, Float32]]
    """Histories and item factors."""

    @classmethod
    def of(cls, methods: Mapping[str, Recommender], purchases: Purchases) -> Self:
        """What is linear among some fitted methods."""
        products = {
            name: (method.product(purchases), encode(purchases.items, method.items_).to_numpy())
            for name, method in methods.items()
            if isinstance(method, Ease | ItemSimilarity)
        }
        factors = {
            name: (method.history(purchases), method.product(purchases).items)
            for name, method in methods.items()
            if isinstance(method, Factorisation)
        }
        return cls(purchases.pairs, products, factors)

    def pool(self, pool: Pool, places: Int64, cited: Int32) -> Pool:
        """The pairs at ascending places, each as if the customer had never bought the item `cited` beside it.

        What is relative to the customer's largest falls with the largest: to what its item would score.
        """
        part = pool.only(places)
        scores, relative = dict(part.scores), dict(part.relative)
        for name in self._products.keys() | self._factors.keys():
            if name in scores:
                top, largest = _largest(pool, name)
                scores[name] = part.scores[name] - self._given(name, part, cited, part.items)
                rest = largest[part.rows] - self._given(name, part, cited, top[part.rows])
                divisor = np.maximum(np.maximum(rest, scores[name]), _LEAST)
                relative[name] = np.where(largest[part.rows] > 0, scores[name] / divisor, part.relative[name])
        return replace(part, scores=scores, relative=relative)

    def _given(self, name: str, pool: Pool, cited: Int32, items: Int32) -> Float32:
        """What the cited items give to the scores of some items for the customers of the pairs."""
        if name in self._factors:
            history, factors = self._factors[name]
            places: Int64 = places_of(self._pairs.only(pool.block), pool.rows, cited)
            own = np.append(history.data[self._pairs.places(pool.block)], np.float32(0))[places]
            return np.asarray(own * np.einsum("pf,pf->p", factors[cited], factors[items]), np.float32)
        product, column_of = self._products[name]
        out = np.zeros(pool.items.size, np.float32)
        arguments = (
            matrix(product.left(pool.block)), matrix(product.right), pool.rows, column_of[cited],
            items, out,
        )  # fmt: skip
        in_threads(out.size, lambda first, last: row_kernels.give(first, last, *arguments))
        return out


def _largest(pool: Pool, name: str) -> tuple[Int32, Float32]:
    """For each customer the candidate that a source scores highest, and that score; 0 without candidates."""
    rows = pool.block.size
    scores, largest, top = pool.scores[name], np.zeros(rows, np.float32), np.zeros(rows, np.int32)
    filled = np.flatnonzero(np.diff(pool.starts) > 0)
    if filled.size:
        largest[filled] = np.maximum.reduceat(scores, pool.starts[filled])
    first = np.flatnonzero(scores == largest[pool.rows])
    top[pool.rows[first]] = pool.items[first]
    return top, largest
