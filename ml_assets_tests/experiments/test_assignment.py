"""Arms are drawn alike in Python and in SQL, in their shares, independently of each other, and for good."""

import math
from collections import Counter
from hashlib import sha256
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.assignment import arms_at, bounds_of, places_of


@given(salt=st.text(max_size=20), customer=st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(max_size=20)))
def test_a_place_is_the_first_bits_of_a_hash_and_the_same_every_time(salt: str, customer: Any) -> None:
    digest = sha256(f"{salt}:{customer}".encode()).hexdigest()
    alone, among = places_of(salt, [customer]), places_of(salt, [f"{customer}x", f"{customer}"])
    assert alone[0] == among[1] == int(digest[:12], 16) / 2**48
    assert 0 <= alone[0] < 1


@given(shares=st.lists(st.floats(0.001, 1), min_size=1, max_size=9))
def test_every_place_has_an_arm_whatever_rounding_makes_of_the_shares(shares: list[float]) -> None:
    bounds = bounds_of([share / math.fsum(shares) for share in shares])
    assert bounds == sorted(bounds)
    places = np.array([0.0, *bounds[:-1], np.nextafter(1.0, 0.0)])
    assert set(arms_at(places, bounds)) <= set(range(len(shares)))


def shares_and_independence(customers: int) -> None:
    ids = range(1, customers + 1)
    first, second = places_of("one", ids), places_of("two", ids)
    bounds = bounds_of([0.1, 0.2, 0.7])
    sizes = np.bincount(arms_at(first, bounds), minlength=3)
    # Five standard deviations: a fault shows, and luck does not.
    for size, share in zip(sizes, [0.1, 0.2, 0.7], strict=True):
        assert abs(size - customers * share) < 5 * math.sqrt(customers * share * (1 - share))
    joint = np.histogram2d(first, second, bins=10, range=[[0, 1], [0, 1]])[0]
    expected = customers / 100
    chi2 = float(((joint - expected) ** 2 / expected).sum())
    # 99 degrees of freedom: mean 99, standard deviation 14.
    assert chi2 < 99 + 5 * math.sqrt(2 * 99)


def test_arms_have_their_shares_and_experiments_are_independent() -> None:
    shares_and_independence(100_000)


@pytest.mark.long
def test_arms_have_their_shares_and_experiments_are_independent_over_millions_of_ids() -> None:
    shares_and_independence(3_000_000)


def test_sql_draws_what_python_draws(connection: ServingConnection) -> None:
    """All of some ten thousand ids, and texts that no ASCII holds; `test_sql_draws_..._of_millions` all of millions."""
    query = "SELECT ml_meta.place_of('salt', n::text) FROM generate_series(-5000, 5000) AS n ORDER BY n"
    assert [place for (place,) in connection.execute(query)] == places_of("salt", range(-5000, 5001)).tolist()
    texts = ["", "ä", "日本", "a:b", "\U0001f6d2", "x" * 300]
    query = "SELECT ml_meta.place_of('sält', t.id) FROM unnest(%s::text[]) WITH ORDINALITY AS t (id, n) ORDER BY n"
    assert [place for (place,) in connection.execute(query, [texts])] == places_of("sält", texts).tolist()


@pytest.mark.long
def test_sql_draws_what_python_draws_of_millions_of_ids(connection: ServingConnection) -> None:
    count = 2_000_000
    query = "COPY (SELECT ml_meta.place_of('salt', n::text) FROM generate_series(1, %s) AS n ORDER BY n) TO STDOUT"
    with connection.cursor().copy(query.replace("%s", str(count)).encode()) as copy:
        found = pl.read_csv(b"".join(bytes(part) for part in copy), has_header=False, new_columns=["place"])["place"]
    assert found.to_list() == places_of("salt", range(1, count + 1)).tolist()
    numbers = arms_at(found.to_numpy(), bounds_of([0.5, 0.5]))
    assert abs(Counter(numbers.tolist())[0] - count / 2) < 5 * math.sqrt(count / 4)
