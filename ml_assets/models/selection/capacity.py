"""What a shop's data can carry, in numbers and in words.

Rules of thumb that switch methods off where they could only learn noise belong here; whether a method that remains is
any good is measured, not assumed.
"""

from dataclasses import dataclass

import numpy as np

from ml_assets.features.interactions import BOUGHT_WEIGHT
from ml_assets.methods import METHODS, Need
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.selection.choose import SIMPLE_FIRST

MIN_BUYERS = 200
"""Customers with several orders below which factors, item-item weights and trees learn single customers."""
MIN_ITEMS = 30
"""Items with enough buyers below which there is nothing to factorise."""
ENOUGH_BUYERS = 5
MIN_LESSON_CUSTOMERS = 200
"""Customers with purchases in a window below which trees have too little to learn from."""


@dataclass(frozen=True)
class Capacity:
    """The size of a shop as methods see it."""

    buyers: int
    orders_per_buyer: float
    repeat_share: float
    """Share of the purchases that repeat an earlier one of the same customer."""
    repeats: int
    """How many those are."""
    later_purchases: int
    """Purchases that are not of a customer's first order: only they can repeat anything."""
    returning: int
    """Customers with at least two orders."""
    items: int
    shared_items: int
    """Items with at least five buyers."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Capacity":
        """Count."""
        purchases = snapshot.purchases
        times = snapshot.bought.data
        total = float(times.sum())
        buyer = np.repeat(purchases.pairs.row_numbers(), purchases.pairs.data.astype(np.int64))
        is_later = purchases.orders_ago < purchases.orders[buyer] - 1
        return cls(
            buyers=snapshot.customers,
            orders_per_buyer=float(purchases.orders[: snapshot.customers].mean()) if snapshot.customers else 0.0,
            repeat_share=float((times - 1).sum()) / total if total else 0.0,
            repeats=int((times - 1).sum()),
            later_purchases=int(np.count_nonzero(is_later & (purchases.weight >= BOUGHT_WEIGHT))),
            returning=int((purchases.orders > 1).sum()),
            items=snapshot.items,
            shared_items=int(np.count_nonzero(purchases.buyers() >= ENOUGH_BUYERS)),
        )

    def switched_off(self) -> dict[str, str]:
        """Methods that the data cannot carry, with the reason."""
        lacks: dict[Need, str] = {}
        if self.returning < MIN_BUYERS or self.shared_items < MIN_ITEMS:
            lacks["shared_items"] = (
                f"{self.returning:,} customers with a second order and {self.shared_items:,} items with "
                f"{ENOUGH_BUYERS} buyers are too few"
            )
        if self.repeat_share == 0:
            lacks["repeats"] = "nobody ever bought an item twice"
        return {name: why for need, why in lacks.items() for name in SIMPLE_FIRST if METHODS[name].needs == need}

    def in_words(self) -> str:
        """One sentence with the size of the data."""
        return (
            f"{self.buyers:,} buyers, {self.orders_per_buyer:.1f} orders each, {self.items:,} items; "
            f"{self.repeat_share:.0%} of purchases repeat an earlier one."
        )
