"""Customers of past windows count by how many customers today have a history as long."""

from datetime import timedelta

import numpy as np
import polars as pl

from ml_assets.models.metrics.judge import CustomerMetrics
from ml_assets.models.metrics.measures import Measurement, certainty, mean_gain
from ml_assets.models.ranking.method import Single
from ml_assets.models.recommenders.registry import fit_sources
from ml_assets.models.selection.history import History
from ml_assets.models.selection.like_today import orders_today, weighted
from ml_assets.models.selection.window import Window
from ml_assets_tests.models.purchase_frames import END, catalogue, made_shop
from ml_assets_tests.models.studies import quick_settings

HORIZON = 14


def cut_to_last_orders(customers: int = 200, orders: int = 3) -> pl.DataFrame:
    shop = made_shop(customers=customers)
    newest = shop.group_by("customer_id", "day").agg().sort("day").group_by("customer_id").tail(orders)
    return shop.join(newest, on=["customer_id", "day"], how="semi")


def measured(shop: pl.DataFrame) -> tuple[Window, list[Measurement]]:
    """Best-sellers on the newest window, with the weights of today's customers."""
    settings = quick_settings(evaluation_days=[HORIZON])
    history = History.of(shop.lazy(), catalogue(), first_day=min(shop["day"]), through=END, settings=settings)
    window = history.window(END - timedelta(days=HORIZON - 1), [HORIZON])
    purchases = window.snapshot.purchases
    pool = window.pool(fit_sources(purchases, {"popularity": {}}).scores(purchases), 10)
    plain = window.measure("popularity", Single("popularity"), pool, ["for_you"])
    return window, weighted(plain, [window], orders_today(history.today().snapshot, HORIZON))


def test_who_is_known_as_well_as_customers_today_counts_more_where_histories_were_cut() -> None:
    window, (one,) = measured(cut_to_last_orders())
    judge = next(judge for judge in window.judges if judge.placement == "for_you")
    orders = window.snapshot.purchases.orders[judge.known]
    assert one.weight is not None
    known, strangers = np.split(one.weight, [judge.known.size])
    assert known[orders == 2].min() > 1 > known[orders == 1].max()
    assert strangers.size > 0
    assert not strangers.any(), "all methods show strangers the same"


def test_all_customers_together_count_as_many_as_they_are() -> None:
    window, (one,) = measured(made_shop(customers=200))
    judge = next(judge for judge in window.judges if judge.placement == "for_you")
    assert one.weight is not None
    np.testing.assert_allclose(one.weight.sum(), judge.known.size)


def test_comparisons_heed_the_weights_and_tables_show_plain_means() -> None:
    _, (one,) = measured(made_shop(customers=60))
    half = np.arange(one.metrics.ndcg.size) % 2
    better, base = (
        CustomerMetrics(ndcg, ndcg, ndcg) for ndcg in (np.asarray(0.2 + 0.2 * half), np.asarray(0.2 + 0.0 * half))
    )
    weight = np.where(half == 1, 2.0, 0.0)
    two, other = (Measurement("for_you", one.cutoff, HORIZON, "x", each, one.facts, weight) for each in (better, base))
    assert np.isclose(mean_gain([two], [other]), 1.0)
    assert certainty([two], [other]) > 0
    assert two.ndcg < 0.4
