"""Why an item is in a list: a code and up to two items of the customer's own history, always literally true.

The words for people belong to the readers of the codes.
"""

from dataclasses import dataclass

import numpy as np

from ml_assets.models.recommenders.candidates import (
    COLLABORATIVE,
    PERSONAL,
    POPULAR,
    Candidates,
    find_pairs,
)
from ml_assets.models.recommenders.products import Lists, explain
from ml_assets.models.recommenders.sparse import Bools, Int8, Int32

REASONS = (
    "bought_often",
    "bought_recently",
    "bought_before",
    "looked_at",
    "because_you_bought",
    "customers_like_you",
    "popular",
)
_OFTEN, _RECENTLY, _BEFORE, _LOOKED_AT, _BECAUSE, _LIKE_YOU, _POPULAR = range(7)

OFTEN_ORDERS = 3
"""An item in at least so many orders of the look-back is bought often."""
RECENT_DAYS = 30
"""An item bought in the last so many days is bought recently."""


@dataclass(frozen=True)
class Reasons:
    """Reasons of a block of lists."""

    codes: Int8
    """Rows x K, positions in `REASONS`."""
    items: Int32
    """Rows x K x 2, item codes, the one that gave most first, -1 where there is none."""


def reasons_of(candidates: Candidates, lists: Lists, first: int, last: int) -> Reasons:
    """The reasons of the lists of customers `first` to `last`, the latter excluded."""
    codes = np.full(lists.items.shape, _LIKE_YOU, np.int8)
    codes[lists.tiers == POPULAR] = _POPULAR
    own = (lists.tiers == PERSONAL) & (lists.items >= 0)
    if own.any():
        codes[own] = _own_reasons(candidates, lists.items, first, last)[own]
    items = _because(candidates, lists, first, last)
    codes[items[:, :, 0] >= 0] = _BECAUSE
    return Reasons(codes, items)


def _own_reasons(candidates: Candidates, items: Int32, first: int, last: int) -> Int8:
    """Reasons as if every item were from the customer's own history."""
    purchases = candidates.purchases
    entries = slice(int(purchases.pairs.indptr[first]), int(purchases.pairs.indptr[last]))
    places, _ = find_pairs(purchases.pairs.block(first, last), items)
    orders = candidates.order_counts[entries][places]
    age = candidates.newest_bought[entries][places]
    conditions: list[Bools] = [orders >= OFTEN_ORDERS, (orders > 0) & (age < RECENT_DAYS), orders > 0]
    return np.select(conditions, [_OFTEN, _RECENTLY, _BEFORE], _LOOKED_AT).astype(np.int8)


def _because(candidates: Candidates, lists: Lists, first: int, last: int) -> Int32:
    """For items of the collaborative tier the two bought items that gave most to their score."""
    wanted = np.where(lists.tiers == COLLABORATIVE, lists.items, np.int32(-1))
    if not (wanted >= 0).any():
        return np.full((*wanted.shape, 2), -1, np.int32)
    because = candidates.because
    found = explain(because.left(first, last), because.right, wanted)
    codes = np.append(candidates.model_codes, np.int32(-1))
    return codes[found]
