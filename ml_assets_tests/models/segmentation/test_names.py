"""Names are given only where the figures of a segment bear them out."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ml_assets.models.segmentation.names import NAMES, Profile, Profiles, give_names

VOCABULARY = [
    "champions", "loyal", "active", "new", "promising", "needs_attention", "at_risk", "almost_lost",
    "previously_loyal", "dormant",
]  # fmt: skip


def profile(
    value: float, *, recent: float | None = None, silence: float = 0.5, pace: float = 1.0, tenure: float = 300.0
) -> Profile:
    return Profile(value, value if recent is None else recent, silence, pace, tenure)


def names(*profiles: Profile, longest: float = 330.0) -> list[str]:
    words, kept = give_names(Profiles(profiles, longest))
    assert kept
    return words


BEST = profile(0.9, silence=0.1)


def test_the_vocabulary_is_exactly_the_agreed_one() -> None:
    assert list(NAMES) == VOCABULARY


def test_a_grocers_segments_are_called_what_they_are() -> None:
    grocer = [
        BEST,
        profile(0.7, silence=0.2),
        profile(0.5, silence=0.5),
        profile(0.3, silence=0.8, pace=0.9),
        profile(0.1, silence=2, pace=0.5),
    ]
    assert names(*grocer) == ["champions", "loyal", "active", "promising", "almost_lost"]


@pytest.mark.parametrize(
    ("segment", "word"),
    [
        (profile(0.15, tenure=30), "new"),
        (profile(0.45, tenure=30, silence=1.5), "new"),
        (profile(0.3, pace=0.8), "promising"),
        (profile(0.3, silence=1.2, pace=0.8), "needs_attention"),
        (profile(0.65, recent=0.45, silence=1.6, pace=0.5), "at_risk"),
        (profile(0.75, recent=0.4, silence=4, pace=0.1), "previously_loyal"),
        (profile(0.2, silence=2, pace=0.4), "almost_lost"),
        (profile(0.1, silence=6, pace=0), "dormant"),
        (profile(0.75), "loyal"),
        (profile(0.5), "active"),
    ],
    ids=str,
)
def test_each_name_has_its_typical_segment(segment: Profile, word: str) -> None:
    assert names(BEST, segment) == ["champions", word]


def test_champions_are_the_best_and_still_buy() -> None:
    gone = profile(0.9, silence=8, pace=0.05)
    assert "champions" not in names(gone, profile(0.4))
    slowing = profile(0.95, silence=1.4, pace=0.7)
    assert names(slowing, profile(0.4)) == ["at_risk", "active"]
    best_of_the_year_but_not_lately = profile(0.85, recent=0.6)
    assert "champions" not in names(best_of_the_year_but_not_lately, profile(0.6, recent=0.7))


def test_nobody_is_new_in_a_shop_that_is_itself_new() -> None:
    assert "new" not in names(profile(0.8, tenure=20), profile(0.2, tenure=20), longest=25)
    assert "new" in names(profile(0.8, tenure=200), profile(0.2, tenure=20), longest=200)


def test_dormant_are_those_who_stayed_away_longest() -> None:
    words = names(BEST, profile(0.2, silence=4, pace=0), profile(0.1, silence=9, pace=0))
    assert words == ["champions", "almost_lost", "dormant"]


def test_a_single_segment_is_active() -> None:
    assert names(profile(0.5, silence=9, pace=0)) == ["active"]


def test_a_name_that_cannot_be_kept_is_reported() -> None:
    alike = [profile(0.6 + number / 100) for number in range(6)]
    words, kept = give_names(Profiles(alike, 330))
    assert not kept
    assert len(set(words)) == 6


profiles = st.lists(
    st.builds(
        Profile,
        value=st.floats(0, 1),
        recent_value=st.floats(0, 1),
        silence=st.floats(0, 30),
        pace=st.floats(0, 4),
        tenure_days=st.floats(0, 400),
    ),
    min_size=1,
    max_size=10,
)


@hypothesis_settings(max_examples=150)
@given(segments=profiles)
def test_every_segment_gets_a_name_of_its_own_and_kept_promises_are_true(segments: list[Profile]) -> None:
    shop = Profiles(segments, 400)
    words, kept = give_names(shop)
    assert len(set(words)) == len(segments)
    assert set(words) <= set(VOCABULARY)
    if kept and len(segments) > 1:
        assert all(NAMES[word].promise(one, shop) for word, one in zip(words, segments, strict=True))


@hypothesis_settings(max_examples=60)
@given(segments=profiles.filter(lambda found: len(set(found)) == len(found)), random=st.randoms(use_true_random=False))
def test_the_numbering_of_the_clusters_does_not_matter_to_whether_promises_are_kept(
    segments: list[Profile], random: Random
) -> None:
    shuffled = list(segments)
    random.shuffle(shuffled)
    assert give_names(Profiles(segments, 400))[1] == give_names(Profiles(shuffled, 400))[1]
