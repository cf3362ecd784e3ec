"""Exploration: items drawn by chance in the lower half of lists, and how likely each was to be shown.

What a drawn item may not meet belongs here: the rules of the list hold with it. The loop is in `kernels/exploring.py`;
what is learnt from it is in `ml_assets/experiments/off_policy.py`.

Scores stay with the places: a score tells the order within a list, and this order is what is shown.
"""

from dataclasses import dataclass

import numpy as np
from xxhash import xxh3_64_intdigest

from ml_assets.models.kernels import exploring as kernels
from ml_assets.models.kernels.csr import Float32, Int32
from ml_assets.models.matrices.sparse_scores import Lists, in_threads
from ml_assets.models.ranking.lists import ListBuilder
from ml_assets.settings.experiments import ExplorationSettings
from ml_assets.settings.recommender import PlacementSettings


@dataclass(frozen=True)
class Explorer:
    """Explores the lists of a day."""

    builder: ListBuilder
    settings: ExplorationSettings

    def explore(self, lists: Lists, placement: str, customers: Int32) -> Float32 | None:
        """Explore in place the lists of some customers, by their codes.

        Returns for each item (rows x K) the probability that it is among those shown; None where the list does not
        explore.
        """
        if not self.settings.explores(placement):
            return None
        propensities = np.zeros(lists.items.shape, np.float32)
        groups, most = self._limits(placement)
        arguments = (
            self._seeds(placement, customers), self.settings.epsilon, self.builder.settings.k, groups, most,
            lists.items, lists.tiers, lists.counts, propensities,
        )  # fmt: skip
        in_threads(lists.counts.size, lambda start, end: kernels.explore(start, end, *arguments))
        return propensities

    def _limits(self, placement: str) -> tuple[Int32, Int32]:
        """Groups of items, kinds x items, and how many of one group of each kind may be shown.

        Packs that stand beside each other because the customer bought them get no third one by chance.
        """
        rules: PlacementSettings = getattr(self.builder.settings.placements, placement)
        snapshot = self.builder.snapshot
        limits = (
            (snapshot.near_duplicates.names, 1),
            (snapshot.near_duplicates.packs, 1),
            (snapshot.purchases.category, rules.max_per_category),
            (self.builder.brand, rules.max_per_brand),
        )
        asked = [(group, most) for group, most in limits if most is not None]
        return np.stack([group for group, _ in asked]), np.array([most for _, most in asked], np.int32)

    def _seeds(self, placement: str, customers: Int32) -> kernels.UInt64:
        """A number for each customer, of the day and the list: a day that is made again gets the same lists."""
        snapshot = self.builder.snapshot
        salt = f"{self.builder.settings.seed}:{placement}:{snapshot.purchases.as_of}"
        ids = snapshot.purchases.customers.gather(customers).to_list()
        return np.array([xxh3_64_intdigest(f"{salt}:{customer}".encode()) for customer in ids], np.uint64)
