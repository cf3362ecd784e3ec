"""The plot of a backtest: small enough for metadata, and there for any outcome."""

import pytest

from ml_assets.plots.models import backtest_png
from ml_assets_tests.models.purchase_frames import catalogue, made_shop
from ml_assets_tests.models.studies import quick_settings, studied

PNG = b"\x89PNG"


@pytest.mark.parametrize("customers", [5, 300])
def test_the_plot_is_a_small_picture(customers: int) -> None:
    summary = studied(made_shop(customers=customers), catalogue(), quick_settings()).summary()
    picture = backtest_png(summary)
    assert picture.startswith(PNG)
    assert len(picture) < 60_000
