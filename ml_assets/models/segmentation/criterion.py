"""Which of the clusterings that were tried becomes the segmentation.

The limits that a sound clustering keeps belong here. The parts that are weighed are measured in `soundness.py` (do
clusters come back), `names.py` (can they be called something true) and `calm.py` (do customers stay in them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_assets.models.segmentation.clusters import METHODS
from ml_assets.models.segmentation.soundness import Soundness


@dataclass(frozen=True)
class Limits:
    """What a clustering must keep to be called sound."""

    stability: float
    jaccard: float
    slack: float
    """How much of the best silhouette among those tried may be lost."""
    moved: float


# Two of a hundred customers a week; live segments may double that.
STRICT = Limits(stability=0.8, jaccard=0.85, slack=0.05, moved=0.08)
# From 0.75 on clusters are valid and stable (Hennig, 2007).
LIVE = Limits(stability=0.7, jaccard=0.75, slack=0.1, moved=0.16)

CRITERION = (
    f"the live segments while they are valid (worst Jaccard similarity at least {LIVE.jaccard}, adjusted Rand index "
    f"at least {LIVE.stability}, silhouette within {LIVE.slack} of the best, at most {LIVE.moved:.0%} of the customers "
    "moved in 28 days); else the most segments that are sound: the worst of them comes back with a mean bootstrap "
    f"Jaccard similarity of at least {STRICT.jaccard}, the partition with an adjusted Rand index of at least "
    f"{STRICT.stability}, it loses at most {STRICT.slack} of the best silhouette among the numbers tried, would have "
    f"moved at most {STRICT.moved:.0%} of the customers in the last 28 days, holds at least min_share of the customers "
    "in each and can be named truthfully; where no number is all of that, the best mean of silhouette and stability "
    "among those that meet most of it; k-means before the mixture where both are sound"
)


@dataclass(frozen=True)
class Clustering:
    """One number of segments that was tried with one method."""

    soundness: Soundness
    named: bool
    """Whether every new segment can carry a name that its figures bear out."""
    method: str = "k-means"
    moved: float | None = None
    """The share of customers who would have moved in the last 28 days; None where the past is too short."""

    def meets(self, limits: Limits, best_silhouette: float, min_share: float) -> list[bool]:
        """Which parts of the criterion it keeps."""
        sound = self.soundness
        return [
            sound.smallest_share >= min_share,
            sound.stability >= limits.stability,
            sound.jaccard >= limits.jaccard,
            sound.silhouette >= best_silhouette - limits.slack,
            self.moved is None or self.moved <= limits.moved,
            self.named,
        ]


def choose(
    candidates: Sequence[Clustering], *, min_share: float, live: tuple[int, str] | None = None
) -> Clustering | None:
    """The clustering by `CRITERION`; None without candidates. `live` are number and method of the live one."""
    if not candidates:
        return None
    best = max(candidate.soundness.silhouette for candidate in candidates)
    methods = list(METHODS)
    going_on = next((one for one in candidates if (one.soundness.k, one.method) == live), None)
    if going_on and all(going_on.meets(LIVE, best, min_share)):
        return going_on
    sound = [candidate for candidate in candidates if all(candidate.meets(STRICT, best, min_share))]
    if sound:
        return max(sound, key=lambda c: (c.soundness.k, -methods.index(c.method)))
    return max(
        candidates,
        key=lambda c: (sum(c.meets(STRICT, best, min_share)), c.soundness.silhouette + c.soundness.stability),
    )
