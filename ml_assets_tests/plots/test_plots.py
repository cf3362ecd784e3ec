"""Pictures are small, honest PNGs that need no display and no pyplot."""

import subprocess
import sys
from collections.abc import Callable

import polars as pl
import pytest

from ml_assets.drift.measures import Measure
from ml_assets.plots.drift import drift_png, label_start
from ml_assets.plots.models import backtest_png
from ml_assets.plots.segments import segment_profile_png
from ml_assets.plots.value import deciles_png
from ml_assets_tests.models.purchase_frames import catalogue, made_shop
from ml_assets_tests.models.studies import quick_settings, studied

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


def drift() -> list[Measure]:
    return [Measure("a", "psi:x", 0.3, 0.2, 0.5, ""), Measure("a", "hit_rate", 0.5, 0.6, 0.3, "", True)]


def study_of_a_tiny_shop() -> pl.DataFrame:
    return studied(made_shop(customers=5), catalogue(), quick_settings()).summary()


def deciles(count: int) -> dict[str, float]:
    """Figures of two methods for so many customers, one of which was not expected to spend anything."""
    return {
        f"{method}_{name}": value
        for method in ("naive", "boosted")
        for number in range(1, count + 1)
        for name, value in {
            "mae": 123.4,
            f"decile{number}_expected": number - 1.0,
            f"decile{number}_actual": number * 2.0,
        }.items()
    }


@pytest.mark.parametrize(
    "draw",
    [
        lambda: segment_profile_png(segments(1)),
        lambda: segment_profile_png(segments(10)),
        lambda: backtest_png(metrics()),
        lambda: backtest_png(study_of_a_tiny_shop()),
        lambda: drift_png(drift()),
        lambda: deciles_png(deciles(10), ["naive", "boosted"], "boosted"),
        lambda: deciles_png(deciles(1), ["naive"], "naive"),
    ],
)
def test_pictures_are_small_pngs(draw: Callable[[], bytes]) -> None:
    picture = draw()
    assert picture.startswith(PNG)
    assert len(picture) < LIMIT


def test_the_same_numbers_give_the_same_picture() -> None:
    assert backtest_png(metrics()) == backtest_png(metrics())


def test_tables_without_rows_still_draw() -> None:
    assert segment_profile_png(segments(1).clear()).startswith(PNG)


def test_what_nobody_knows_of_segments_has_no_bars() -> None:
    with_spend, without = segments(3), segments(3).with_columns(median_spend_90d=pl.lit(None, pl.Float64))
    assert len(segment_profile_png(without)) < len(segment_profile_png(with_spend))


def test_drawing_does_not_load_pyplot() -> None:
    code = "import sys, ml_assets.plots.models, ml_assets.plots.drift; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_label_of_the_plot_lies_on_a_threshold() -> None:
    assert label_start(0.36, [0.4, 1.0], room=0.06) == 0.4
    assert label_start(0.98, [0.4, 1.0], room=0.06) == 1.0
    assert label_start(0.95, [0.97, 1.0], room=0.06) == 1.0
    assert label_start(0.2, [0.4, 1.0], room=0.06) == 0.2
    assert label_start(0.5, [0.4, 1.0], room=0.06) == 0.5
