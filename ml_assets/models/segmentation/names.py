"""Names for clusters: ten words that people know from customer work, given only where the figures bear them out.

The vocabulary, what each word promises and the best assignment of words to clusters belong here. Clusters, texts for
readers and the frames do not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
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
_ENDED = 50.0
# So much less than anything that a kept name always wins.
_KEPT = -10_000.0
_LONGEST_SILENCE = 6.0


def give_names(shop: Profiles, kept: Sequence[str | None] = (), ended: Collection[str] = ()) -> tuple[list[str], bool]:
    """A different name for every cluster, in their order, and whether every name that is new is borne out.

    A cluster whose place in `kept` holds a name keeps it: it is the segment of that name. The others get the cheapest
    assignment (Kuhn and Munkres) of squared distances between profiles and names; names that `ended` with this
    training only where no other is free, so that nobody takes one segment for the other. With at most ten clusters
    there always is one; a broken promise only means that no other word was free.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 slow to import, and scoring needs none of it

    given: list[str | None] = list(kept) or [None] * len(shop.profiles)
    if len(shop.profiles) == 1:
        return [given[0] or SINGLE], True
    words = list(NAMES)
    costs = np.array([[_cost(profile, name, shop) for name in NAMES.values()] for profile in shop.profiles])
    costs[:, [words.index(word) for word in ended]] += _ENDED
    for cluster, word in enumerate(given):
        if word is not None:
            costs[cluster, words.index(word)] = _KEPT
    _, names = linear_sum_assignment(costs)
    chosen = [words[name] for name in names]
    new = (cluster for cluster, word in enumerate(given) if word is None)
    return chosen, all(NAMES[chosen[cluster]].promise(shop.profiles[cluster], shop) for cluster in new)


def are_borne_out(shop: Profiles, words: Sequence[str]) -> bool:
    """Whether the figures of every segment keep what its name promises; of kept names, too."""
    if len(words) == 1:
        return True
    return all(NAMES[word].promise(profile, shop) for word, profile in zip(words, shop.profiles, strict=True))


def _cost(profile: Profile, name: Name, shop: Profiles) -> float:
    silence = min(profile.silence, _LONGEST_SILENCE) - name.silence
    pace = min(profile.pace, 1.0) - name.pace
    distance = 4 * (profile.value - name.value) ** 2 + (silence / 4) ** 2 + pace**2
    if name is NAMES["new"] and _is_new(profile, shop):
        # The word says how long, not how much: it fits whatever the newcomers spend.
        distance = 0.0
    return distance if name.promise(profile, shop) else distance + _BROKEN
