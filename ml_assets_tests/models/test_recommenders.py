"""The contract of every recommender, and the formulas of some."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.blend import PersonalBlend
from ml_assets.models.recommenders.ease import Ease
from ml_assets.models.recommenders.frequency import DecayedFrequency
from ml_assets.models.recommenders.popularity import Popularity
from ml_assets.models.recommenders.products import Lists, top_items
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.similarity import ItemSimilarity
from ml_assets.models.recommenders.sparse import Csr
from ml_assets.models.recommenders.tifu import TifuKnn
from ml_assets.models.recommenders.user_knn import UserKnn
from ml_assets_tests.models.purchase_frames import END, as_interactions, made_shop, purchases_of

MAKERS = {
    "popularity": Popularity,
    "frequency": DecayedFrequency,
    "tifu": lambda: TifuKnn(neighbours=10),
    "blend": lambda: PersonalBlend(neighbours=10),
    "user-knn": lambda: UserKnn(neighbours=10),
    "ease": lambda: Ease(min_item_buyers=2),
    "similarity": lambda: ItemSimilarity(min_item_buyers=2),
}
every_recommender = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def lists_of(model: Recommender, purchases: Purchases, k: int = 8) -> Lists:
    product = model.product(purchases)
    rows = len(purchases.customers)
    return top_items(product.left(0, rows), product.right, k, eligible=np.ones(len(purchases.items), np.bool_))


def scores_of(model: Recommender, purchases: Purchases) -> np.ndarray:
    product = model.product(purchases)
    return dense(product.left(0, len(purchases.customers))) @ dense(product.right)


def by_item(scores: np.ndarray, purchases: Purchases) -> dict[int, float]:
    return dict(zip(purchases.items, scores.tolist(), strict=True))


def dense(matrix: Csr) -> np.ndarray:
    out = np.zeros((matrix.rows, matrix.columns))
    out[matrix.row_numbers(), matrix.indices] = matrix.data
    return out


@every_recommender
def test_fitting_twice_gives_the_same_lists(make) -> None:
    purchases = Purchases.of(as_interactions(made_shop()), END)
    one, two = (lists_of(make().fit(purchases), purchases) for _ in range(2))
    np.testing.assert_array_equal(one.items, two.items)
    np.testing.assert_array_equal(one.scores, two.scores)


@every_recommender
def test_the_order_of_rows_does_not_matter(make) -> None:
    interactions = as_interactions(made_shop())
    shuffled = interactions.sample(fraction=1, shuffle=True, seed=1)
    one, two = (
        lists_of(make().fit(purchases), purchases)
        for purchases in (Purchases.of(interactions, END), Purchases.of(shuffled, END))
    )
    np.testing.assert_array_equal(one.items, two.items)


@every_recommender
def test_later_events_do_not_matter(make) -> None:
    transactions = made_shop()
    day = END - timedelta(days=30)
    earlier = as_interactions(transactions.filter(pl.col("day") <= day), day)
    one = Purchases.of(earlier, day)
    # The frame of a later day, whose orders are counted from that day.
    two = Purchases.of(as_interactions(transactions, END), day)
    np.testing.assert_array_equal(lists_of(make().fit(one), one).items, lists_of(make().fit(two), two).items)


@every_recommender
def test_text_ids_give_the_lists_of_integer_ids(make) -> None:
    interactions = as_interactions(made_shop())
    texts = interactions.with_columns(
        ("c" + pl.col("customer_id").cast(pl.String).str.zfill(5)).alias("customer_id"),
        ("i" + pl.col("item_id").cast(pl.String).str.zfill(5)).alias("item_id"),
    )
    one, two = Purchases.of(interactions, END), Purchases.of(texts, END)
    np.testing.assert_array_equal(lists_of(make().fit(one), one).items, lists_of(make().fit(two), two).items)


@every_recommender
def test_one_customer_with_one_purchase_is_enough(make) -> None:
    purchases = Purchases.of(purchases_of((1, 7, 3, 0)), END)
    assert np.isfinite(scores_of(make().fit(purchases), purchases)).all()


@every_recommender
def test_blocks_of_customers_give_the_rows_of_the_whole(make) -> None:
    purchases = Purchases.of(as_interactions(made_shop()), END)
    product = make().fit(purchases).product(purchases)
    whole = dense(product.left(0, len(purchases.customers)))
    np.testing.assert_allclose(dense(product.left(7, 19)), whole[7:19], rtol=1e-6)


def test_a_purchase_of_half_life_ago_counts_half() -> None:
    purchases = Purchases.of(purchases_of((1, 1, 0, 0), (1, 2, 90, 1), (1, 3, 180, 2), (1, 3, 0, 0)), END)
    assert by_item(scores_of(DecayedFrequency(90), purchases)[0], purchases) == {1: 1, 2: 0.5, 3: 1.25}


def test_light_events_count_by_their_weight() -> None:
    purchases = Purchases.of(purchases_of((1, 1, 0, 0), weight=0.1), END)
    np.testing.assert_allclose(scores_of(DecayedFrequency(90), purchases), [[0.1]], rtol=1e-6)
    assert purchases.bought().data.tolist() == [0]


def test_popularity_counts_customers_not_purchases() -> None:
    rows = [(1, 1, day, day) for day in range(5)] + [(2, 2, 0, 0), (3, 2, 0, 0), (3, 3, 100, 1)]
    purchases = Purchases.of(purchases_of(*rows), END)
    scores = by_item(Popularity(28).scores(purchases), purchases)
    assert scores[2] > scores[1] > scores[3]


def test_newcomers_bought_an_item_lately_and_not_before() -> None:
    purchases = Purchases.of(purchases_of((1, 1, 3, 0), (1, 1, 60, 1), (2, 1, 27, 0), (3, 2, 28, 0)), END)
    assert by_item(purchases.newcomers(28), purchases) == {1: 1, 2: 0}


def test_tifu_weighs_orders_and_groups_as_published() -> None:
    rows = [(1, order, order, order) for order in range(9)]
    vector = dense(TifuKnn().vectors(Purchases.of(purchases_of(*rows), END)))[0]
    newest_group = [0.9**place / (7 * 2) for place in range(7)]
    oldest_group = [0.7 * 0.9**place / (2 * 2) for place in range(2)]
    np.testing.assert_allclose(vector, newest_group + oldest_group, rtol=1e-5)


def test_neighbours_are_the_nearest_by_cosine_and_never_oneself() -> None:
    purchases = Purchases.of(as_interactions(made_shop()), END)
    vectors = TifuKnn().vectors(purchases)
    unit = dense(vectors.unit_rows())
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -1)
    left = dense(TifuKnn(neighbours=5, alpha=0.7).product(purchases).left(0, vectors.rows))
    for row in range(vectors.rows):
        near = np.flatnonzero(left[row] > 0)
        near = near[near != row]
        assert left[row, row] == pytest.approx(0.7)
        np.testing.assert_allclose(np.sort(cosines[row, near]), np.sort(cosines[row])[-5:], atol=1e-6)


def test_ease_is_the_closed_form() -> None:
    purchases = Purchases.of(as_interactions(made_shop()), END)
    X = np.log1p(dense(purchases.decayed(90)))
    gram = X.T @ X
    P = np.linalg.inv(gram + 6.0 * np.diag(gram).mean() * np.eye(gram.shape[0]))
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0)
    np.testing.assert_allclose(
        scores_of(Ease(min_item_buyers=1).fit(purchases), purchases), X @ B, rtol=1e-3, atol=1e-5
    )


def test_ease_keeps_best_sellers_with_enough_buyers_only() -> None:
    rows = [(customer, item, 1, 0) for item in range(6) for customer in range(item + 1)]
    ease = Ease(min_item_buyers=3, max_items=2).fit(Purchases.of(purchases_of(*rows), END))
    assert set(ease.items_) == {4, 5}


def test_similar_items_are_the_nearest_by_shrunken_cosine() -> None:
    purchases = Purchases.of(as_interactions(made_shop()), END)
    X = np.log1p(dense(purchases.decayed(180)))
    norms = np.sqrt((X**2).sum(axis=0) + 10)
    expected = (X / norms).T @ (X / norms)
    np.fill_diagonal(expected, 0)
    similar = dense(ItemSimilarity(min_item_buyers=1, kept=60).fit(purchases).similar_)
    np.testing.assert_allclose(similar, expected, rtol=1e-3, atol=1e-6)
