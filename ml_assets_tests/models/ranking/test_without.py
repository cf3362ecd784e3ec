"""What pairs would score without an item, taken away from sums, against histories that never had it."""

import numpy as np
import polars as pl

from ml_assets.models.ranking.candidates import build_pool
from ml_assets.models.ranking.method import Single
from ml_assets.models.ranking.recommend import recommend
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.ranking.without import Without
from ml_assets.models.recommenders.registry import fit_sources
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop
from ml_assets_tests.models.ranking.trained import SETTINGS, train

LINEAR = {"ease": {"min_item_buyers": 2}, "item_knn": {"min_item_buyers": 2}, "factorisation": {"factors": 8}}
CUSTOMER = 11


def test_what_an_item_gave_is_what_scores_lose_where_it_was_never_bought() -> None:
    interactions = as_interactions(made_shop())
    snapshot = Snapshot.of(interactions, catalogue(), END, SETTINGS)
    known = snapshot.purchases
    sources = fit_sources(known, {**LINEAR, "popularity": {}})
    pool = build_pool(snapshot, sources.scores(known), np.arange(snapshot.customers, dtype=np.int32), depth=20)
    row = known.customers.to_list().index(CUSTOMER)
    places = np.arange(pool.starts[row], pool.starts[row + 1])
    without = Without.of(sources.methods, known)
    for item in interactions.filter(pl.col("customer_id") == CUSTOMER)["item_id"].unique().sort().to_list()[:4]:
        never = interactions.filter((pl.col("customer_id") != CUSTOMER) | (pl.col("item_id") != item))
        other = Snapshot.of(never, catalogue(), END, SETTINGS).purchases
        code = known.items.to_list().index(item)
        found = without.pool(pool, places, np.full(places.size, code, np.int32))
        items = np.array([other.items.to_list().index(known.items[int(each)]) for each in found.items], np.int32)
        starts = np.array([0, items.size], np.int64)
        for name in LINEAR:
            expected = sources.methods[name].product(other).block(np.array([row], np.int32)).pairs(starts, items)
            positive = expected > 0
            np.testing.assert_allclose(found.scores[name][positive], expected[positive], rtol=1e-3, atol=1e-5)
        np.testing.assert_array_equal(found.scores["popularity"], pool.scores["popularity"][places])


def test_a_method_that_does_not_ask_the_cited_item_cites_none() -> None:
    interactions = as_interactions(made_shop())
    made = {
        name: train(interactions, methods={"for_you": "ease", "discover": name, "buy_again": "ease"})
        for name in ("ease", "user_knn")
    }
    codes = {
        name: set(
            recommend({"discover": model}, interactions, catalogue(), as_of=END, settings=SETTINGS)
            .lists.explode("reason_codes")["reason_codes"]
            .to_list()
        )
        for name, model in made.items()
    }
    assert isinstance(made["user_knn"].methods["discover"], Single)
    assert "because_you_bought" in codes["ease"]
    assert "because_you_bought" not in codes["user_knn"]
