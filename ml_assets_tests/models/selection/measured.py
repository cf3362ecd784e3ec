"""Measures made up, for rules that see numbers only."""

from datetime import timedelta

import numpy as np

from ml_assets.models.metrics.judge import CustomerMetrics
from ml_assets.models.metrics.list_facts import ListFacts
from ml_assets.models.metrics.measures import Measurement
from ml_assets_tests.models.purchase_frames import END

WINDOWS = (END - timedelta(days=30), END - timedelta(days=60))


def measured(
    method: str, *ndcg: float, placement: str = "discover", spread: float = 0.0, coverage: float = 0.1
) -> list[Measurement]:
    """One measure per window, of 400 customers around a mean."""
    noise = np.tile([-spread, spread], 200)
    return [
        Measurement(
            placement, cutoff, 30, method, CustomerMetrics(mean + noise, mean + noise, mean + noise),
            ListFacts(coverage, 100, 3.0, 0.5, 0.5, 0.0, 0.0),
        )
        for cutoff, mean in zip(WINDOWS, ndcg, strict=True)
    ]  # fmt: skip
