"""What lists show, whether or not anybody bought it: coverage, novelty, repeats, near-duplicates and the like.

Facts of lists alone belong here; what customers bought is the judge's business.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ml_assets.models.kernels.csr import Bools, Float64, Int32
from ml_assets.models.ranking.candidates import places_of
from ml_assets.models.ranking.features import Description
from ml_assets.models.ranking.snapshot import Snapshot

BEST_SELLERS = 100
"""Items that count as popular: the best sellers of the popularity window."""
NEW_ITEM_DAYS = 28
"""Items first bought in the last so many days are new."""


@dataclass(frozen=True)
class ListFacts:
    """Facts of the first K items of the judged customers' lists."""

    coverage: float
    """Different items shown / items that may be recommended."""
    items_shown: int
    novelty: float
    """Mean over what is shown of -log2(buyers of the item / customers), in bits (Castells, Hurley and Vargas, 2015)."""
    popularity_share: float
    """Share of what is shown that is among the 100 best sellers."""
    repeat_share: float
    """Share of what is shown that the customer bought before."""
    new_item_share: float
    """Share of what is shown that was first sold in the last 28 days."""
    near_duplicate_share: float
    """Share of the pairs of items of one list that a shopper takes for the same, whatever the customer bought."""


class ListJudge:
    """Describes lists against one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def facts(self, customers: Int32, items: Int32) -> ListFacts:
        """`items`: rows x K codes, -1 for none, of these customers (codes, ascending)."""
        shown = items >= 0
        listed = items[shown]
        eligible = max(int(self._snapshot.sellable.items.sum()), 1)
        if not listed.size:
            return ListFacts(0.0, 0, 0.0, 0.0, 0.0, 0.0, 0.0)
        rows = np.broadcast_to(np.arange(items.shape[0], dtype=np.int32)[:, np.newaxis], items.shape)[shown]
        owner = customers[rows].astype(np.int32)
        different = np.unique(listed).size
        return ListFacts(
            coverage=different / eligible,
            items_shown=different,
            novelty=float(self._bits[listed].mean()),
            popularity_share=float(self._best_sellers[listed].mean()),
            repeat_share=float((places_of(self._snapshot.bought, owner, listed) >= 0).mean()),
            new_item_share=float(self.new_items[listed].mean()),
            near_duplicate_share=self._snapshot.near_duplicates.share_of_pairs(items),
        )

    @cached_property
    def new_items(self) -> Bools:
        """One flag per item code."""
        purchases = self._snapshot.purchases
        ages = np.zeros(self._snapshot.items, np.int64)
        np.maximum.at(ages, purchases.item, purchases.age)
        return ages < NEW_ITEM_DAYS

    @cached_property
    def _bits(self) -> Float64:
        return Description(self._snapshot).bits

    @cached_property
    def _best_sellers(self) -> Bools:
        marked = np.zeros(self._snapshot.items, np.bool_)
        marked[self._snapshot.best_sellers()[:BEST_SELLERS]] = True
        return marked
