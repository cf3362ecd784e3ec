"""The contract of every recommender, and the formulas of some."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from pydantic import JsonValue

from ml_assets.errors import UserError
from ml_assets.methods import SOURCES, TIERS
from ml_assets.models.kernels.csr import Csr
from ml_assets.models.matrices.sparse_scores import Lists
from ml_assets.models.parameters import schema_of
from ml_assets.models.recommenders.base import Recommender
from ml_assets.models.recommenders.ease import Ease
from ml_assets.models.recommenders.factorisation import Factorisation
from ml_assets.models.recommenders.frequency import DecayedFrequency, PersonalFrequency
from ml_assets.models.recommenders.popularity import CategoryPopularity, DecayedPopularity, Popularity
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.registry import make_source, parameters_of
from ml_assets.models.recommenders.similarity import ItemSimilarity
from ml_assets.models.recommenders.tifu import TifuKnn
from ml_assets.models.recommenders.up_cf import UpCf
from ml_assets.settings.recommender import RecommenderSettings
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop, purchases_of

# Parameters that suit the small shop of these tests, for the methods that have them.
SMALL = {"neighbours": 10, "factors": 4, "min_item_buyers": 2}


def maker(name: str) -> Callable[[], Recommender]:
    return lambda: make_source(name, {key: SMALL[key] for key in SMALL.keys() & make_source(name, {}).parameters})


every_recommender = pytest.mark.parametrize("make", [maker(name) for name in SOURCES], ids=SOURCES)


def shop(interactions: pl.DataFrame | None = None, day: date = END, items: pl.DataFrame | None = None) -> Purchases:
    frame = as_interactions(made_shop()) if interactions is None else interactions
    return Purchases.of(frame, day, catalogue() if items is None else items)


def lists_of(model: Recommender, purchases: Purchases, k: int = 8) -> Lists:
    everyone = model.product(purchases).block(0, len(purchases.customers))
    return everyone.top(k, eligible=np.ones(len(purchases.items), np.bool_))


def scores_of(model: Recommender, purchases: Purchases) -> np.ndarray:
    """All scores, customers x items."""
    rows, columns = len(purchases.customers), len(purchases.items)
    starts = np.arange(rows + 1, dtype=np.int64) * columns
    items = np.tile(np.arange(columns, dtype=np.int32), rows)
    return model.product(purchases).block(0, rows).pairs(starts, items).reshape(rows, columns).astype(np.float64)


def by_item(scores: np.ndarray, purchases: Purchases) -> dict[int, float]:
    return dict(zip(purchases.items, scores.tolist(), strict=True))


def dense(matrix: Csr) -> np.ndarray:
    out = np.zeros((matrix.rows, matrix.columns))
    out[matrix.row_numbers(), matrix.indices] = matrix.data
    return out


@every_recommender
def test_fitting_twice_gives_the_same_lists(make: Callable[[], Recommender]) -> None:
    purchases = shop()
    one, two = (lists_of(make().fit(purchases), purchases) for _ in range(2))
    np.testing.assert_array_equal(one.items, two.items)
    np.testing.assert_array_equal(one.scores, two.scores)


@every_recommender
def test_the_order_of_rows_does_not_matter(make: Callable[[], Recommender]) -> None:
    interactions = as_interactions(made_shop())
    shuffled = interactions.sample(fraction=1, shuffle=True, seed=1)
    one, two = (lists_of(make().fit(purchases), purchases) for purchases in (shop(interactions), shop(shuffled)))
    np.testing.assert_array_equal(one.items, two.items)


@every_recommender
def test_later_events_do_not_matter(make: Callable[[], Recommender]) -> None:
    transactions = made_shop()
    day = END - timedelta(days=30)
    earlier = as_interactions(transactions.filter(pl.col("day") <= day), day)
    one = shop(earlier, day)
    # The frame of a later day, whose orders are counted from that day.
    two = shop(as_interactions(transactions, END), day)
    np.testing.assert_array_equal(lists_of(make().fit(one), one).items, lists_of(make().fit(two), two).items)


@every_recommender
def test_text_ids_give_the_lists_of_integer_ids(make: Callable[[], Recommender]) -> None:
    interactions = as_interactions(made_shop())
    texts = interactions.with_columns(
        ("c" + pl.col("customer_id").cast(pl.String).str.zfill(5)).alias("customer_id"),
        ("i" + pl.col("item_id").cast(pl.String).str.zfill(5)).alias("item_id"),
    )
    ids = ("i" + pl.col("item_id").cast(pl.String).str.zfill(5)).alias("item_id")
    one, two = shop(interactions), shop(texts, items=catalogue().with_columns(ids))
    np.testing.assert_array_equal(lists_of(make().fit(one), one).items, lists_of(make().fit(two), two).items)


@every_recommender
def test_one_customer_with_one_purchase_is_enough(make: Callable[[], Recommender]) -> None:
    purchases = shop(purchases_of((1, 7, 3, 0)))
    assert np.isfinite(scores_of(make().fit(purchases), purchases)).all()


@every_recommender
def test_blocks_of_customers_give_the_rows_of_the_whole(make: Callable[[], Recommender]) -> None:
    purchases = shop()
    model, eligible = make().fit(purchases), np.ones(len(purchases.items), np.bool_)
    whole, part = model.product(purchases).block(0, 60), model.product(purchases).block(7, 19)
    np.testing.assert_array_equal(part.top(6, eligible=eligible).items, whole.top(6, eligible=eligible).items[7:19])


@every_recommender
def test_lists_are_the_best_positive_scores_that_are_allowed(make: Callable[[], Recommender]) -> None:
    purchases = shop()
    model = make().fit(purchases)
    eligible = np.arange(len(purchases.items)) % 7 != 0
    block = model.product(purchases).block(0, len(purchases.customers))
    lists = block.top(6, eligible=eligible, excluded=purchases.pairs)
    scores = np.where(eligible, scores_of(model, purchases), 0)
    scores[purchases.pairs.row_numbers(), purchases.pairs.indices] = 0
    best = -np.sort(-scores, axis=1)[:, :6]
    np.testing.assert_allclose(lists.scores, np.maximum(best, 0), rtol=1e-4, atol=1e-6)
    assert ((lists.items >= 0) == (best > 1e-9)).mean() > 0.999


@every_recommender
def test_guests_teach_as_customers_with_one_order_do_and_have_no_place_among_them(
    make: Callable[[], Recommender],
) -> None:
    visits = made_shop(customers=30, seed=5).filter(pl.col("order_id").str.ends_with("-0"))
    guests = as_interactions(pl.concat([made_shop(), visits.with_columns(customer_id=pl.lit(None, pl.Int64))]))
    named = guests.with_columns(
        customer_id=pl.coalesce("customer_id", 10_000 + pl.col("orders_ago").cast(pl.Int64)),
        orders_ago=pl.when(pl.col("customer_id").is_null()).then(0).otherwise("orders_ago").cast(pl.UInt32),
    )
    with_guests, with_customers = shop(guests), shop(named)
    known = with_guests.customers
    assert known.to_list() == list(range(60))
    assert with_guests.rows == len(with_customers.customers) == 90
    lists = [
        make().fit(each).product(each).block(0, len(known)).top(8, eligible=np.ones(len(each.items), np.bool_))
        for each in (with_guests, with_customers)
    ]
    np.testing.assert_array_equal(lists[0].items, lists[1].items)
    np.testing.assert_array_equal(lists[0].scores, lists[1].scores)


@every_recommender
def test_what_was_learned_survives_its_arrays(make: Callable[[], Recommender]) -> None:
    purchases = shop()
    model = make().fit(purchases)
    again = make().restored(model.learned())
    np.testing.assert_array_equal(lists_of(again, purchases).items, lists_of(model, purchases).items)
    assert all(array.dtype != object for array in model.learned().values())


@pytest.mark.parametrize("name", SOURCES)
def test_rows_name_parameters_that_the_method_has(name: str) -> None:
    source, parameters = SOURCES[name], make_source(name, {}).parameters
    assert all(make_source(name, trial).parameters == {**parameters, **trial} for trial in source.grid)
    assert parameters.keys() >= source.preset.keys() | source.from_settings.keys()
    assert set(source.from_settings.values()) <= set(RecommenderSettings.model_fields)
    assert source.tier in TIERS


@every_recommender
def test_parameters_make_the_same_model_again(make: Callable[[], Recommender]) -> None:
    model = make()
    assert type(model)(**model.parameters).parameters == model.parameters


@pytest.mark.parametrize("name", SOURCES)
def test_every_parameter_is_described_and_its_values_are_bounded(name: str) -> None:
    for parameter, field in schema_of(type(make_source(name, {}))).model_fields.items():
        assert field.description, parameter
        with pytest.raises(UserError, match=rf"The parameter {parameter} of {name} is -1, but should be gr.*\. Train "):
            make_source(name, {parameter: -1})


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"days": 0}, "The parameter days of popularity is 0, but should be greater than or equal to 1."),
        ({"days": "7"}, "The parameter days of popularity is '7', but should be a valid integer."),
        ({"weeks": 4}, "popularity has no parameter weeks; its parameters are: days."),
    ],
)
def test_a_parameter_that_is_not_allowed_is_named(given: dict[str, JsonValue], problem: str) -> None:
    with pytest.raises(UserError) as error:
        make_source("popularity", given)
    assert error.value.problem == problem


def test_what_the_settings_give_to_a_method_is_mended_in_the_settings() -> None:
    with pytest.raises(UserError, match=r"The parameter seed of factorisation is 4294967296.*below `recommender`"):
        parameters_of(RecommenderSettings(seed=2**32), ["factorisation"])


def test_a_purchase_of_half_life_ago_counts_half() -> None:
    purchases = Purchases.of(purchases_of((1, 1, 0, 0), (1, 2, 90, 1), (1, 3, 180, 2), (1, 3, 0, 0)), END)
    assert by_item(scores_of(DecayedFrequency(90), purchases)[0], purchases) == {1: 1, 2: 0.5, 3: 1.25}


def test_personal_frequency_counts_orders() -> None:
    purchases = shop(purchases_of((1, 1, 0, 0), (1, 2, 90, 1), (1, 2, 180, 2)))
    assert by_item(scores_of(PersonalFrequency(), purchases)[0], purchases) == {1: 1, 2: 2}


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
