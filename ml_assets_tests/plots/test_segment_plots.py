"""Pictures are small, honest PNGs that need no display and no pyplot."""

import subprocess
import sys

import polars as pl
import pytest

from ml_assets.plots.models import backtest_png, segment_profile_png

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


def metrics() -> pl.DataFrame:
    rows = [
        {"placement": placement, "horizon": horizon, "method": f"method_{number}", "role": role, "ndcg": number / 30,
         "ndcg_low": number / 40, "ndcg_high": number / 20}
        for placement in ("for_you", "discover", "buy_again")
        for horizon in (7, 30)
        for number, role in enumerate(["yardstick", "champion", "chosen", *[""] * 14])
    ]  # fmt: skip
    return pl.DataFrame(rows)


@pytest.mark.parametrize("count", [1, 5, 10])
def test_segment_profiles_are_small_pngs(count: int) -> None:
    picture = segment_profile_png(segments(count))
    assert picture.startswith(PNG)
    assert len(picture) < LIMIT


def test_backtests_are_small_pngs() -> None:
    picture = backtest_png(metrics())
    assert picture.startswith(PNG)
    assert len(picture) < LIMIT


def test_the_same_numbers_give_the_same_picture() -> None:
    assert backtest_png(metrics()) == backtest_png(metrics())


def test_tables_without_rows_still_draw() -> None:
    assert segment_profile_png(segments(1).clear()).startswith(PNG)


def test_drawing_does_not_load_pyplot() -> None:
    code = "import sys, ml_assets.plots.models; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
