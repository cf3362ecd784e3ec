"""Pictures are small, honest PNGs that need no display and no pyplot."""

import subprocess
import sys

import polars as pl
import pytest

from ml_assets.models.plots import metric_comparison_png, segment_profile_png

PNG = b"\x89PNG\r\n\x1a\n"
LIMIT = 50_000


def segments(count: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "segment_name": [f"Needs attention {number}" for number in range(count)],
            "share": [1 / count for _ in range(count)],
            "median_spend_90d": [10.5**number for number in range(count)],
            "median_orders_90d": [float(number) for number in range(count)],
            "median_recency_days": [None if number == 0 else 3.0 for number in range(count)],
        },
        schema_overrides={"median_recency_days": pl.Float64},
    )


def metrics(name: str) -> pl.DataFrame:
    rows = [
        {name: placement, "horizon": horizon, "method": method, "ndcg": 0.1 * horizon / 30, "recall": 0.05}
        for placement in ("for_you", "discover")
        for horizon in (7, 30)
        for method in ("recommender", "popularity", "frequency")
        if (placement, method) != ("discover", "frequency")
    ]
    return pl.DataFrame(rows)


@pytest.mark.parametrize("count", [1, 5, 10])
def test_segment_profiles_are_small_pngs(count):
    picture = segment_profile_png(segments(count))
    assert picture.startswith(PNG)
    assert len(picture) < LIMIT


@pytest.mark.parametrize("name", ["placement", "task"])
def test_comparisons_are_small_pngs(name):
    picture = metric_comparison_png(metrics(name))
    assert picture.startswith(PNG)
    assert len(picture) < LIMIT


def test_the_same_numbers_give_the_same_picture():
    assert metric_comparison_png(metrics("task")) == metric_comparison_png(metrics("task"))


def test_tables_without_rows_still_draw():
    assert metric_comparison_png(metrics("task").clear()).startswith(PNG)
    assert segment_profile_png(segments(1).clear()).startswith(PNG)


def test_drawing_does_not_load_pyplot():
    code = "import sys, ml_assets.models.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
