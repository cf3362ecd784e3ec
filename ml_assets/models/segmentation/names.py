"""Names for clusters: ten words that people know from customer work, given only where the figures bear them out.

The vocabulary, what each word promises and the best assignment of words to clusters belong here. Clusters, texts for
readers and the frames do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

NEW_DAYS = 90
"""A customer known for at most this long may be new."""


@dataclass(frozen=True)
class Profile:
    """What a cluster looks like, on scales that mean the same in every shop."""

    value: float
    """Mean position of the spend over 365 days among all customers, 0 to 1."""
    recent_value: float
    """Mean position of the decayed spend, 0 to 1."""
    silence: float
    """Median recency in units of the shop's usual interval between purchases (at least 14 days): 1 is as usual."""
    pace: float
    """Median of spend over 90 days against what the spend of the year would give: 1 is steady, 0 has stopped."""
    tenure_days: float
    """Median days since the first order."""


@dataclass(frozen=True)
class Profiles:
    """The clusters together, against which superlatives are judged."""

    profiles: Sequence[Profile]
    longest_tenure_days: float

    def is_best(self, one: Profile) -> bool:
        """Whether nobody spends more, over the year or lately."""
        return all(one.value >= p.value and one.recent_value >= p.recent_value for p in self.profiles)

    def is_quietest(self, one: Profile) -> bool:
        """Whether nobody has been silent for longer or spends less lately."""
        return all(one.silence >= p.silence and one.recent_value <= p.recent_value for p in self.profiles)


@dataclass(frozen=True)
class Name:
    """A word, the profile it fits best, and what must be true of a cluster that bears it."""

    value: float
    silence: float
    pace: float
    promise: Callable[[Profile, Profiles], bool]


def _buys(p: Profile) -> bool:
    return p.silence <= 1.25 and p.pace >= 0.75


def _slows(p: Profile) -> bool:
    return p.silence > 1 or p.pace < 0.85


def _is_new(p: Profile, shop: Profiles) -> bool:
    return p.tenure_days <= min(NEW_DAYS, shop.longest_tenure_days / 2) and p.silence <= 2


NAMES: dict[str, Name] = {
    "champions": Name(1.0, 0.0, 1.0, lambda p, shop: _buys(p) and shop.is_best(p)),
    "loyal": Name(0.75, 0.0, 1.0, lambda p, _: _buys(p) and p.value >= 0.5),
    "active": Name(0.5, 0.5, 1.0, lambda p, _: _buys(p) and p.value >= 0.25),
    "new": Name(0.2, 0.5, 1.0, _is_new),
    "promising": Name(0.3, 0.5, 1.0, lambda p, _: _buys(p) and p.value < 0.5),
    "needs_attention": Name(0.4, 1.0, 0.8, lambda p, _: _slows(p) and p.silence <= 3),
    "at_risk": Name(0.6, 1.5, 0.5, lambda p, _: p.value >= 0.4 and (p.silence > 1.25 or p.pace < 0.75)),
    "almost_lost": Name(0.15, 2.0, 0.4, lambda p, _: p.value < 0.5 and (p.silence > 1.25 or p.pace < 0.6)),
    "previously_loyal": Name(0.75, 4.0, 0.0, lambda p, _: p.value >= 0.5 and p.silence > 2 and p.pace < 0.5),
    "dormant": Name(0.1, 5.0, 0.0, lambda p, shop: p.value < 0.5 and p.silence >= 3 and shop.is_quietest(p)),
}
"""In the order of the vocabulary; the key is the `segment_key`."""

SINGLE = "active"
"""What a shop's only segment is called."""

# More than all distances together, so that a broken promise is the last resort.
_BROKEN = 100.0
_LONGEST_SILENCE = 6.0


def give_names(shop: Profiles) -> tuple[list[str], bool]:
    """A different name for every cluster, in their order, and whether every promise is kept.

    The cheapest assignment (Kuhn and Munkres) of squared distances between profiles and names. With at most ten
    clusters there always is one; a broken promise only means that no other word was free.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 slow to import, and scoring needs none of it

    if len(shop.profiles) == 1:
        return [SINGLE], True
    costs = np.array([[_cost(profile, name, shop) for name in NAMES.values()] for profile in shop.profiles])
    clusters, names = linear_sum_assignment(costs)
    words = list(NAMES)
    return [words[name] for name in names], bool(costs[clusters, names].max() < _BROKEN)


def _cost(profile: Profile, name: Name, shop: Profiles) -> float:
    silence = min(profile.silence, _LONGEST_SILENCE) - name.silence
    pace = min(profile.pace, 1.0) - name.pace
    distance = 4 * (profile.value - name.value) ** 2 + (silence / 4) ** 2 + pace**2
    if name is NAMES["new"] and _is_new(profile, shop):
        # The word says how long, not how much: it fits whatever the newcomers spend.
        distance = 0.0
    return distance if name.promise(profile, shop) else distance + _BROKEN
