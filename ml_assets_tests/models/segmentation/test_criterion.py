"""Which of the clusterings that were tried is taken."""

import pytest

from ml_assets.models.segmentation.criterion import Clustering, choose
from ml_assets.models.segmentation.soundness import Soundness


def candidate(
    k: int, silhouette: float, stability: float, share: float = 0.1, *, jaccard: float = 0.9, named: bool = True,
    moved: float | None = None,
) -> Clustering:  # fmt: skip
    return Clustering(Soundness(k, silhouette, stability, jaccard, 0.6, share), named, moved=moved)


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([candidate(4, 0.52, 0.91), candidate(5, 0.50, 0.90), candidate(7, 0.46, 0.90)], 5),
        ([candidate(4, 0.52, 0.91), candidate(5, 0.50, 0.75)], 4),
        ([candidate(4, 0.52, 0.91), candidate(5, 0.50, 0.90, 0.01)], 4),
        ([candidate(4, 0.52, 0.91), candidate(5, 0.50, 0.90, named=False)], 4),
        ([candidate(4, 0.52, 0.70), candidate(5, 0.50, 0.79)], 5),
        ([candidate(4, 0.52, 0.91), candidate(5, 0.50, 0.90, jaccard=0.8)], 4),
        ([candidate(4, 0.52, 0.91, moved=0.03), candidate(5, 0.50, 0.90, moved=0.09)], 4),
        ([], None),
    ],
    ids=[
        "most that are sound",
        "unstable",
        "too small",
        "nameless",
        "none is stable",
        "one falls apart",
        "customers do not stay",
        "nothing to try",
    ],
)
def test_the_number_of_segments_follows_the_stated_criterion(candidates: list[Clustering], chosen: int) -> None:
    found = choose(candidates, min_share=0.03)
    assert (found.soundness.k if found else None) == chosen


def test_live_segments_go_on_while_they_are_valid() -> None:
    tried = [candidate(4, 0.52, 0.91), candidate(5, 0.50, 0.75, jaccard=0.78), candidate(6, 0.49, 0.9)]
    assert choose(tried, min_share=0.03) is tried[2]
    assert choose(tried, min_share=0.03, live=(5, "k-means")) is tried[1]
    assert choose(tried, min_share=0.03, live=(5, "gaussian mixture")) is tried[2]
    tried[1] = candidate(5, 0.50, 0.75, jaccard=0.7)
    assert choose(tried, min_share=0.03, live=(5, "k-means")) is tried[2]
