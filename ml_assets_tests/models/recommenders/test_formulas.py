"""Each method computes what its paper or its name says."""

import numpy as np
import pytest

from ml_assets.models.recommenders.ease import Ease
from ml_assets.models.recommenders.factorisation import Factorisation
from ml_assets.models.recommenders.frequency import DecayedFrequency, PersonalFrequency
from ml_assets.models.recommenders.popularity import CategoryPopularity, DecayedPopularity, Popularity
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.similarity import ItemSimilarity
from ml_assets.models.recommenders.tifu import TifuKnn
from ml_assets.models.recommenders.up_cf import UpCf
from ml_assets_tests.models.purchase_frames import END, as_interactions, made_shop, purchases_of
from ml_assets_tests.models.recommenders.made import by_item, dense, scores_of, shop


def test_a_purchase_of_half_life_ago_counts_half() -> None:
    purchases = Purchases.of(purchases_of((1, 1, 0, 0), (1, 2, 90, 1), (1, 3, 180, 2), (1, 3, 0, 0)), END)
    assert by_item(scores_of(DecayedFrequency(90), purchases)[0], purchases) == {1: 1, 2: 0.5, 3: 1.25}


def test_personal_frequency_counts_orders() -> None:
    purchases = shop(purchases_of((1, 1, 0, 0), (1, 2, 90, 1), (1, 2, 180, 2)))
    assert by_item(scores_of(PersonalFrequency(), purchases)[0], purchases) == {1: 1, 2: 2}


def test_items_are_bought_again_at_their_own_rate_and_rare_ones_at_that_of_all() -> None:
    # Item 1 is bought again in both orders after its first, item 2 in none of two, item 3 never had a chance.
    rows = [(1, 1, 20, 2), (1, 1, 10, 1), (1, 1, 0, 0), (1, 2, 20, 2), (1, 3, 0, 0)]
    purchases = shop(purchases_of(*rows))
    usual = 2 / 4
    expected = {1: (2 + 20 * usual) / 22 / usual, 2: (0 + 20 * usual) / 22 / usual, 3: 1.0}
    assert by_item(purchases.repeat_rates(), purchases) == pytest.approx(expected, rel=1e-5)
    scores = by_item(scores_of(DecayedFrequency(1e6, repeat_rate=0.3), purchases)[0], purchases)
    assert scores == pytest.approx({1: 3 + 0.3 * expected[1], 2: 1 + 0.3 * expected[2], 3: 1.3}, rel=1e-4)


def test_where_nothing_is_bought_twice_no_item_is_bought_again_more_readily() -> None:
    purchases = shop(purchases_of((1, 1, 0, 0), (1, 2, 9, 1), (2, 1, 0, 0)))
    assert purchases.repeat_rates().tolist() == [1, 1]


def test_interest_is_no_purchase_that_is_repeated() -> None:
    seen = Purchases.of(purchases_of((1, 1, 0, 0), weight=0.1), END)
    np.testing.assert_allclose(scores_of(DecayedFrequency(90, repeat_rate=0.3), seen), [[0.1]], rtol=1e-6)


def test_up_cf_is_the_published_formula() -> None:
    rows = [(1, 1, 0, 0), (1, 2, 5, 1), (2, 1, 0, 0), (2, 3, 0, 0), (2, 3, 9, 1), (3, 4, 0, 0)]
    purchases = shop(purchases_of(*rows))
    scores = by_item(scores_of(UpCf(recent=25, locality=2, alpha=0.25), purchases)[0], purchases)
    # Customers 1 and 2 share one item of two each: w = 1 / (2^0.25 x 2^0.75) = 0.5.
    expected = {1: 0.5 + 0.25 * 0.5, 2: 0.5, 3: 0.25 * 1.0, 4: 0.0}
    assert scores == pytest.approx(expected, rel=1e-5)


def test_up_cf_forgets_what_is_beyond_the_recent_orders() -> None:
    purchases = shop(purchases_of((1, 1, 0, 0), (1, 2, 5, 1)))
    assert by_item(scores_of(UpCf(recent=1), purchases)[0], purchases) == {1: 1, 2: 0}


def test_popularity_in_categories_follows_the_customers_shares() -> None:
    food, drinks = 2, 3
    rows = [(1, food, 0, 0), (1, food, 0, 1), (1, drinks, 0, 2), (2, 4, 0, 0), (3, 4, 0, 0), (2, 5, 0, 0)]
    purchases = shop(purchases_of(*rows))
    scores = by_item(scores_of(CategoryPopularity(), purchases)[0], purchases)
    assert scores[4] == pytest.approx(2 / 3 * (2 + 2 / 4), rel=1e-5)
    assert scores[5] == pytest.approx(1 / 3 * (1 + 1 / 4), rel=1e-5)


def test_decayed_popularity_halves_the_newest_purchase_of_each_customer() -> None:
    purchases = shop(purchases_of((1, 1, 0, 0), (1, 1, 30, 1), (2, 1, 14, 0), (3, 2, 28, 0)))
    assert by_item(scores_of(DecayedPopularity(14), purchases)[0], purchases) == pytest.approx({1: 1.5, 2: 0.25})


def test_factorisation_is_the_projection_on_the_largest_singular_vectors() -> None:
    purchases = shop()
    X = np.log1p(dense(purchases.decayed(180)))
    _, _, vectors = np.linalg.svd(X, full_matrices=False)
    expected = np.maximum(X @ vectors[:2].T @ vectors[:2], 0)
    scores = scores_of(Factorisation(factors=2, min_item_buyers=1).fit(purchases), purchases)
    np.testing.assert_allclose(scores, expected, rtol=0.05, atol=0.02)


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
    left = dense(TifuKnn(neighbours=5, alpha=0.7).product(purchases).left(np.arange(vectors.rows, dtype=np.int32)))
    for row in range(vectors.rows):
        near = np.flatnonzero(left[row] > 0)
        near = near[near != row]
        assert left[row, row] == pytest.approx(0.7)
        np.testing.assert_allclose(np.sort(cosines[row, near]), np.sort(cosines[row])[-5:], atol=1e-6)


@pytest.mark.parametrize("customers", [60, 20])
def test_ease_is_the_closed_form_of_many_customers_and_of_few(customers: int) -> None:
    purchases = Purchases.of(as_interactions(made_shop(customers)), END)
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
