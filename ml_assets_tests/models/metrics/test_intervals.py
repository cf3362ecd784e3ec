"""Intervals of means, by the bootstrap over customers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ml_assets.models.metrics.intervals import bootstrap_means, interval_of


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
@hypothesis_settings(deadline=None)
def test_an_interval_holds_its_mean_and_lies_between_the_extremes(values: list[float]) -> None:
    found = interval_of(np.array(values))
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert found.mean == pytest.approx(np.mean(values))


def test_the_bootstrap_has_the_spread_of_the_mean_and_pairs_its_columns() -> None:
    values = np.random.default_rng(0).normal(size=(900, 1))
    means = bootstrap_means(np.hstack([values, values + 5]))
    assert means[:, 0].std() == pytest.approx(1 / 30, rel=0.15)
    np.testing.assert_allclose(means[:, 1] - means[:, 0], 5)
