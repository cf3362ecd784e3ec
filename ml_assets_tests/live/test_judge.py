"""Lists that were live are held to the same measure as in the backtest, and every reason not to count is respected."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ml_assets.books.live_quality import below_promise, live_days
from ml_assets.books.models import RegisteredModel, register
from ml_assets.database.connection import ServingConnection
from ml_assets.erasure.database import count_rows
from ml_assets.experiments.register import start
from ml_assets.live.judge import judge_days, lost_days, version_of
from ml_assets.live.promise import Promise, promised, share_interval
from ml_assets.models.placements import PLACEMENTS
from ml_assets.plots.live import live_png
from ml_assets_tests.experiments.test_register import asked
from ml_assets_tests.live.shop import DAY, HORIZON, VERSION, JudgedShop, judged_shop
from ml_assets_tests.models.purchase_frames import END


@pytest.fixture
def shop(connection: ServingConnection, tmp_path: Path) -> JudgedShop:
    return judged_shop(connection, tmp_path)


def judged(connection: ServingConnection, shop: JudgedShop) -> list[object]:
    return [*judge_days(connection, shop.lake, shop.settings, END)]


def test_live_lists_have_the_figures_that_the_backtests_judge_gives_them(
    connection: ServingConnection, shop: JudgedShop
) -> None:
    metrics = {
        f"for_you_{HORIZON}d_recommender_hit_rate{end}": value
        for end, value in zip(("", "_low"), (0.9, 0.8), strict=True)
    }
    for placement in PLACEMENTS:
        model = RegisteredModel(
            kind="recommender", version=VERSION, trained_through=DAY - timedelta(days=5), artifact="a", checksum="c",
            decision="promoted", reason="best", parameters={}, metrics=metrics, placement=placement, method="blend",
        )  # fmt: skip
        register(connection, model, {"data_fingerprint": "x"})
    assert judged(connection, shop) == [DAY]
    found = {one.placement: one for one in live_days(connection, DAY)}
    strangers = 0
    for placement in PLACEMENTS:
        one, (measure,) = found[placement], shop.window.judge("x", shop.lists[placement], placement)
        strangers += round((1 - (one.listed_share or 0)) * one.customers)
        assert one.customers == measure.metrics.ndcg.size > 20
        assert (one.hit_rate, one.ndcg, one.recall) == pytest.approx(
            [each.mean() for each in (measure.metrics.hit_rate, measure.metrics.ndcg, measure.metrics.recall)]
        )
        assert (one.coverage, one.novelty) == pytest.approx([measure.facts.coverage, measure.facts.novelty])
        assert (one.method, one.was_live, one.horizon) == ("blend", True, HORIZON)
    assert strangers > 0
    assert (found["for_you"].promised_hit_rate, found["for_you"].is_below) == (0.9, True)
    assert (found["discover"].promised_hit_rate, found["discover"].is_below) == (None, None)
    assert [one.placement for one in below_promise(connection, 1)] == ["for_you"]
    assert below_promise(connection, 2) == []
    assert live_png([*found.values()]).startswith(b"\x89PNG")
    query = "SELECT sum(shown), sum(bought) FROM ml.live_calibration WHERE placement = 'for_you' GROUP BY kind"
    assert len({*connection.execute(query).fetchall()}) == 1
    assert count_rows(connection, 0)["live_quality"] == 0


def test_a_day_is_judged_once_and_again_when_one_of_its_days_was_loaded_since(
    connection: ServingConnection, shop: JudgedShop
) -> None:
    """A correction counts; who opted out, or saw another list by an experiment, does not."""
    assert judge_days(connection, shop.lake, shop.settings, END - timedelta(days=1)) == [DAY]
    assert judge_days(connection, shop.lake, shop.settings, END - timedelta(days=1)) == []
    before = {one.placement: one.customers for one in live_days(connection, DAY)}
    shop.lake.write("transactions", shop.lake.read("transactions", END).clear(), END)
    assert judge_days(connection, shop.lake, shop.settings, END - timedelta(days=1)) == []
    loaded = "UPDATE ml_meta.source_days SET loaded_at = clock_timestamp() WHERE day = %s"
    connection.execute(loaded, [END])
    assert judge_days(connection, shop.lake, shop.settings, END - timedelta(days=1)) == [DAY]
    corrected = {one.placement: one.customers for one in live_days(connection, DAY)}
    assert sum(corrected.values()) < sum(before.values())
    connection.execute(
        "INSERT INTO ml_meta.opt_outs SELECT DISTINCT customer_id FROM ml_store.recommendations WHERE customer_id < 40"
    )
    start(connection, "worth", asked(), ZoneInfo("UTC"))
    connection.execute(
        "INSERT INTO ml_store.experiment_customers (experiment, customer_id, arm, entered_on) "
        "SELECT 'worth', c, arm, %s FROM generate_series(100, 149) AS c, "
        "(SELECT arm FROM ml_meta.experiment_arms WHERE list = 'none') AS a",
        [DAY],
    )
    judged(connection, shop)
    counted = {one.placement: one.customers for one in live_days(connection, DAY)}
    purchases = [shop.lake.read("transactions", DAY + timedelta(days=number)) for number in range(HORIZON - 1)]
    buyers = {customer for frame in purchases for customer in frame["customer_id"]}
    # The experiment is about for_you alone.
    assert counted["for_you"] == len({customer for customer in buyers if 40 <= customer < 100})
    assert len({customer for customer in buyers if customer >= 40}) >= counted["discover"] > 0


def test_lists_that_are_not_kept_any_more_are_told_and_what_was_measured_stays(
    connection: ServingConnection, shop: JudgedShop
) -> None:
    connection.execute(
        "UPDATE ml_meta.releases SET dropped_at = now(), state = 'retired' WHERE subject = 'recommendations'"
    )
    assert judged(connection, shop) == []
    assert lost_days(connection, shop.settings, END) == [DAY]


def test_days_without_sales_or_before_anything_was_live_are_judged_and_say_so(
    connection: ServingConnection, shop: JudgedShop
) -> None:
    for number in range(HORIZON):
        day = DAY + timedelta(days=number)
        shop.lake.path("transactions", day).unlink()
    connection.execute("UPDATE ml_meta.live_history SET live_from = now()")
    assert judged(connection, shop) == [DAY]
    for one in live_days(connection, DAY):
        assert (one.customers, one.hit_rate, one.was_live, one.is_below) == (0, None, False, None)
    assert below_promise(connection, 1) == []


def test_a_promise_is_broken_below_its_interval_less_the_sampling_error() -> None:
    promise = promised(
        {"for_you_7d_recommender_hit_rate": 0.5, "for_you_7d_recommender_hit_rate_low": 0.48}, "for_you", 7
    )
    assert promise == Promise(0.5, 0.48, 0.5)
    assert promise.least(2500) == pytest.approx(0.48 - 0.0196, abs=1e-4)
    assert (promise.least(0), promise.least(1)) == (None, 0.0)
    assert promised({}, "for_you", 7) is None
    for hits, customers in ((0, 5), (5, 5), (1, 1000), (500, 1000)):
        low, high = share_interval(hits, customers)
        assert 0 <= low <= hits / customers <= high <= 1
    rng = np.random.default_rng(0)
    held = [share_interval(hits, 400) for hits in rng.binomial(400, 0.03, 2000)]
    assert np.mean([low <= 0.03 <= high for low, high in held]) > 0.93
    assert version_of("discover", "for_you: a-1, discover: b-2") == "b-2"
    assert version_of("discover", "a-1") == "a-1"
