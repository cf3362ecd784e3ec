"""A history is read once, and its windows know what windows that read the shop's events themselves know."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from ml_assets.models.selection.history import History
from ml_assets.models.selection.window import Window
from ml_assets_tests.models.purchase_frames import END, catalogue, made_shop
from ml_assets_tests.models.studies import quick_settings

CUTOFF = END - timedelta(days=20)


def shop_with_guests() -> pl.DataFrame:
    """A tenth of the customers are guests, whose orders are in no order."""
    shop = made_shop(customers=80)
    is_guest = pl.col("customer_id") % 10 == 0
    return shop.with_columns(customer_id=pl.when(~is_guest).then("customer_id"))


@pytest.mark.parametrize("lookback_days", [400, 45])
def test_a_window_of_a_history_knows_what_one_of_the_events_knows(lookback_days: int) -> None:
    shop = shop_with_guests()
    settings = quick_settings().model_copy(update={"lookback_days": lookback_days})
    history = History.of(shop.lazy(), catalogue(), first_day=min(shop["day"]), through=END, settings=settings)
    one = history.window(CUTOFF, [7, 20])
    two = Window.of(shop.lazy(), catalogue(), cutoff=CUTOFF, horizons=[7, 20], settings=settings)
    ours, theirs = one.snapshot.purchases, two.snapshot.purchases
    assert ours.customers.equals(theirs.customers)
    assert ours.items.equals(theirs.items)
    for name in ("item", "age", "orders_ago", "weight", "orders", "pair_starts", "category"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    for mine, other in zip(one.judges, two.judges, strict=True):
        np.testing.assert_array_equal(mine.known, other.known)
        np.testing.assert_array_equal(mine.relevant, other.relevant)
