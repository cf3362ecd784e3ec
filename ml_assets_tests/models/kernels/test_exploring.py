"""Exploration: what is shown by chance, and that it is as likely as it says."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.models.kernels.exploring import explore

RUNS = 20_000
DEVIATIONS = 5
"""Standard deviations that a frequency may be away; of some thousand that are looked at none is."""


@dataclass(frozen=True)
class Explored:
    """One list, explored many times; arrays are runs x places, but for the list itself."""

    list: Any
    items: Any
    tiers: Any
    propensities: Any


@st.composite
def shelves(draw: st.DrawFn) -> dict[str, Any]:
    stored = draw(st.integers(2, 14))
    count = draw(st.integers(1, stored))
    group = st.lists(st.integers(-1, 4), min_size=count, max_size=count)
    return {
        "k": draw(st.integers(1, stored)),
        "stored": stored,
        "groups": [draw(group) for _ in range(2)],
        "most": [draw(st.integers(1, 3)) for _ in range(2)],
        "epsilon": draw(st.sampled_from([0.0, 0.05, 0.3, 0.49])),
        "begin": draw(st.integers(0, 2**63)),
    }


def explored(*, k: int, stored: int, groups: Any, most: Any, epsilon: float, begin: int = 1) -> Explored:
    """The list 0, 1, 2 ... explored by as many seeds as there are runs."""
    count = len(groups[0])
    row = np.array([*range(count), *[-1] * (stored - count)], np.int32)
    items = np.tile(row, (RUNS, 1))
    # What goes with an item goes with it: tiers are made from the items.
    tiers = (items % 3).astype(np.int8)
    propensities = np.zeros(items.shape, np.float32)
    seeds = np.random.default_rng(begin).integers(0, 2**64, RUNS, dtype=np.uint64)
    counts = np.full(RUNS, count, np.int32)
    explore(
        0, RUNS, seeds, epsilon, k, np.array(groups, np.int32), np.array(most, np.int32), items, tiers, counts,
        propensities,
    )  # fmt: skip
    return Explored(row, items, tiers, propensities)


def is_near(found: Any, promised: Any) -> bool:
    spread = np.sqrt(promised * (1 - promised) / RUNS)
    return bool((np.abs(found - promised) <= DEVIATIONS * spread + 1e-6).all())


@given(shelves())
@settings(max_examples=60, deadline=None)
def test_each_item_is_shown_as_often_as_its_propensity_says(shelf: dict[str, Any]) -> None:
    one = explored(**shelf)
    k, count = shelf["k"], len(shelf["groups"][0])
    told = np.full((RUNS, count), np.nan)
    np.put_along_axis(told, one.items[:, :count].astype(np.int64), one.propensities[:, :count], axis=1)
    # It is told of every candidate in every run, whatever was drawn, and always the same.
    assert (told == told[0]).all()
    assert is_near(np.bincount(one.items[:, : min(k, count)].ravel(), minlength=count) / RUNS, told[0])
    assert np.isclose(told[0].sum(), min(k, count), atol=1e-5)


@given(shelves())
@settings(max_examples=60, deadline=None)
def test_whatever_is_drawn_a_list_keeps_its_upper_half_its_items_and_its_rules(shelf: dict[str, Any]) -> None:
    one, k = explored(**shelf), shelf["k"]
    assert (one.items[:, : k - k // 2] == one.list[: k - k // 2]).all()
    assert (np.sort(one.items, axis=1) == np.sort(one.list)).all()
    assert (one.tiers == one.items % 3).all()
    for group, most in zip(shelf["groups"], shelf["most"], strict=True):
        codes = np.array([*group, -1])
        before = codes[one.list[:k]]
        for code in set(group) - {-1}:
            # A list that broke the rule before, because there was nothing else, breaks it no more than then.
            shown = (codes[one.items[:, :k]] == code).sum(axis=1)
            assert shown.max() <= max(most, (before == code).sum())


def test_a_candidate_is_as_likely_at_each_place_of_the_lower_half() -> None:
    one = explored(k=6, stored=10, groups=[[-1] * 10], most=[1], epsilon=0.4)
    for place in (3, 4, 5):
        shares = np.bincount(one.items[:, place], minlength=10) / RUNS
        assert is_near(shares[place], np.float64(0.6))
        assert is_near(shares[6:], np.full(4, 0.1))
    # Three places, four candidates: 3 * 0.4 / 4.
    assert np.isclose(one.propensities.max(axis=0)[0], 1.0)
    assert np.allclose(np.unique(one.propensities), [0.3, 0.6, 1.0])


def test_fewer_candidates_than_places_are_shown_at_the_last_places_only() -> None:
    one = explored(k=6, stored=8, groups=[[-1] * 7], most=[1], epsilon=0.4)
    assert (one.items[:, :5] == one.list[:5]).all()
    assert np.allclose(one.propensities[0, :6], [1, 1, 1, 1, 1, one.propensities[0, 5]])
    assert np.allclose(sorted(one.propensities[0, 5:7]), [0.4, 0.6])


def test_a_list_without_candidates_is_shown_as_it_is() -> None:
    for groups in ([[-1] * 4], [[0, -1, -1, -1, 0, 0]]):
        one = explored(k=4, stored=6, groups=groups, most=[1], epsilon=0.4)
        assert (one.items == one.list).all()
        assert (one.propensities == [1, 1, 1, 1, 0, 0]).all()
