"""The contract of everything that can fill a placement: single sources, fusion and the learned ranker."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from ml_assets.errors import UserError
from ml_assets.models import boosting
from ml_assets.models.placements import PLACEMENTS
from ml_assets.models.ranking.candidates import Pool
from ml_assets.models.ranking.examples import choose_examples, some_customers
from ml_assets.models.ranking.features import Description
from ml_assets.models.ranking.fusion import Fusion
from ml_assets.models.ranking.method import Lesson, Method, Single, allowed_pairs
from ml_assets.models.ranking.ranker import Ranker
from ml_assets.models.recommenders.registry import fit_sources
from ml_assets.models.selection.window import Window, in_blocks
from ml_assets_tests.models.purchase_frames import END, catalogue, made_shop
from ml_assets_tests.models.studies import quick_settings

NAMES = ["popularity", "personal_frequency", "user_knn", "item_knn", "category_popularity"]
PARAMETERS = {name: {"min_item_buyers": 2} if name == "item_knn" else {} for name in NAMES}
MAKERS = {
    "single": lambda: Single("user_knn"),
    "fusion": lambda: Fusion(NAMES, customers=80),
    "lambdarank": lambda: Ranker(NAMES, rounds=20, min_leaf=20),
    "xendcg": lambda: Ranker(NAMES, objective="rank_xendcg", rounds=20, min_leaf=20),
    "thinned": lambda: Ranker(NAMES, rounds=10, min_leaf=20, customers=90, novelty=0.1),
}
every_method = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@cache
def past(days_ago: int, later: bool = True) -> tuple[Window, Pool, Lesson]:
    """A window of a made-up shop; without `later`, of a shop whose days after the window never were."""
    cutoff = END - timedelta(days=days_ago)
    events = made_shop(customers=200)
    known = events if later else events.filter(pl.col("day") < cutoff + timedelta(days=20))
    made = Window.of(known.lazy(), catalogue(), cutoff=cutoff, horizons=[7, 20], settings=quick_settings())
    purchases = made.snapshot.purchases
    pool = made.pool(fit_sources(purchases, PARAMETERS).scores(purchases), 15)
    return made, pool, made.lesson(pool)


def fitted(make: Callable[[], Method], placement: str = "for_you") -> Method:
    return make().fit([past(60)[2], past(80)[2]], placement)


def scored(method: Method, days_ago: int = 40) -> np.ndarray:
    made, pool, _ = past(days_ago)
    return method.score(pool, Description(made.snapshot))


@every_method
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_scores_are_finite_one_for_each_pair_and_never_negative(make: Callable[[], Method], placement: str) -> None:
    scores = scored(fitted(make, placement))
    assert scores.shape == past(40)[1].items.shape
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()


@every_method
def test_fitting_twice_gives_the_same_scores(make: Callable[[], Method]) -> None:
    np.testing.assert_array_equal(scored(fitted(make)), scored(fitted(make)))


@every_method
def test_what_was_learned_survives_its_arrays(make: Callable[[], Method]) -> None:
    method = fitted(make)
    again = type(method)(**method.parameters).restored(method.learned())
    np.testing.assert_array_equal(scored(again), scored(method))
    assert all(array.dtype != object for array in method.learned().values())


@every_method
def test_days_after_the_windows_do_not_matter(make: Callable[[], Method]) -> None:
    method, blind = fitted(make), make().fit([past(60, later=False)[2], past(80, later=False)[2]], "for_you")
    np.testing.assert_array_equal(scored(method), scored(blind))


@every_method
def test_blocks_of_customers_give_the_scores_of_the_whole(make: Callable[[], Method]) -> None:
    method, (made, pool, _) = fitted(make), past(40)
    description = Description(made.snapshot)
    parts = [method.score(pool.rows_only(*part), description) for part in ((0, 33), (33, made.snapshot.customers))]
    np.testing.assert_array_equal(np.concatenate(parts), method.score(pool, description))
    np.testing.assert_array_equal(in_blocks(method, pool, description), method.score(pool, description))


@pytest.mark.parametrize("name", ["fusion", "lambdarank"])
def test_a_combination_learns_what_a_single_source_does_not_know(name: str) -> None:
    made, pool, _ = past(40)
    gains = {
        kind: np.mean([one.ndcg for one in made.measure(kind, fitted(MAKERS[kind]), pool, ["for_you"])])
        for kind in (name, "single")
    }
    assert gains[name] > 0.9 * gains["single"]
    popular = np.mean([one.ndcg for one in made.measure("popularity", Single("popularity"), pool, ["for_you"])])
    assert gains[name] > 1.3 * popular


@every_method
def test_where_nobody_bought_a_candidate_all_methods_go_on(make: Callable[[], Method]) -> None:
    made, pool, lesson = past(60)
    nothing = Lesson(pool, lesson.description, {days: np.zeros_like(bought) for days, bought in lesson.bought.items()})
    method = make().fit([nothing], "discover")
    again = type(method)(**method.parameters).restored(method.learned())
    np.testing.assert_array_equal(again.score(pool, made.description), method.score(pool, made.description))
    assert np.isfinite(method.score(pool, made.description)).all()


def test_novelty_shows_more_items_with_the_same_trees() -> None:
    made, pool, _ = past(40)
    method = Ranker(NAMES, rounds=20, min_leaf=20, novelty=0.0).fit([past(60)[2], past(80)[2]], "discover")
    plain = method.variants()[0]
    plain.novelty = 0.0
    bold = method.variants()[-1]
    bold.novelty = 0.5
    assert plain.forest_ is bold.forest_
    shown = [made.measure("x", one, pool, ["discover"])[-1].facts for one in (plain, bold)]
    assert shown[1].novelty > shown[0].novelty
    assert method.novelty == 0.0, "variants leave the method as it is"


def test_a_draft_has_a_third_of_the_trees_which_learn_three_times_as_fast() -> None:
    draft = Ranker(NAMES, rounds=10, learning_rate=0.125).draft()
    assert (draft.rounds, draft.learning_rate) == (3, 0.375)


def test_of_many_customers_some_are_learned_from_with_all_their_examples() -> None:
    chosen = [choose_examples(past(days)[2], "for_you", negatives=5, seed=1) for days in (60, 80)]
    some = some_customers(chosen, 50, seed=1)
    assert sum(each.groups.size for each in some) == 50
    for part, whole in zip(some, chosen, strict=True):
        assert part.groups.sum() == part.places.size == part.label.size
        assert set(part.places) <= set(whole.places)
    assert [each.groups.size for each in some_customers(chosen, 10_000, seed=1)] == [
        each.groups.size for each in chosen
    ]


def test_the_boosters_of_models_of_older_versions_count_by_their_mean() -> None:
    made, pool, _ = past(40)
    one, two = (Ranker(NAMES, rounds=5, min_leaf=20, novelty=0.0, seed=seed) for seed in (1, 2))
    for each in (one, two):
        each.fit([past(60)[2]], "for_you")
    arrays = {**one.learned(), "trees_1": two.learned()["trees_0"]}
    both = Ranker(NAMES, novelty=0.0).restored(arrays).score(pool, Description(made.snapshot))
    sums = [np.log(p / (1 - p)) for p in (each.score(pool, Description(made.snapshot)) for each in (one, two))]
    np.testing.assert_allclose(np.log(both / (1 - both)), np.mean(sums, axis=0), atol=1e-4)


def test_a_fusion_is_never_worse_than_its_best_source_on_its_lessons() -> None:
    made, pool, lesson = past(60)
    fusion = Fusion(NAMES, customers=1000).fit([lesson], "for_you")

    def longest(method: Method) -> float:
        return made.measure("x", method, pool, ["for_you"])[-1].ndcg

    assert longest(fusion) >= max(longest(Single(name)) for name in NAMES) - 1e-9


def test_examples_hold_every_purchase_among_the_candidates_and_some_others() -> None:
    _, pool, lesson = past(60)
    for placement in PLACEMENTS:
        allowed = allowed_pairs(pool, placement)
        chosen = choose_examples(lesson, placement, negatives=5, seed=1)
        assert chosen.label.sum() == (lesson.label & allowed).sum()
        assert allowed[chosen.places].all()
        assert chosen.groups.sum() == chosen.places.size
        assert (np.diff(chosen.places) > 0).all()
        assert 0 < (~chosen.label).sum() < (~lesson.label & allowed).sum()


def test_the_label_window_is_the_longest_horizon() -> None:
    _, _, lesson = past(60)
    assert lesson.label.sum() == lesson.bought[20].sum() > lesson.bought[7].sum()


def test_the_pool_holds_the_best_of_every_source_that_a_placement_allows() -> None:
    made, pool, _ = past(60)
    purchases = made.snapshot.purchases
    for name, scores in fit_sources(purchases, PARAMETERS).scores(purchases).items():
        best = scores.block(np.arange(made.snapshot.customers, dtype=np.int32)).top(
            10, eligible=made.snapshot.sellable.items, excluded=made.snapshot.bought
        )
        ranked = pool.best(pool.scores[name], ~pool.bought & (pool.scores[name] > 0), 10)
        judged = np.diff(pool.starts) > 0
        np.testing.assert_array_equal(ranked.items[judged], best.items[judged])


def test_features_have_a_name_each_and_say_what_is_not_known() -> None:
    made, pool, _ = past(60)
    names, features = Description(made.snapshot).matrix(pool, NAMES)
    assert features.shape == (len(names), pool.items.size)
    assert len(set(names)) == len(names)
    age = features[names.index("age")]
    assert np.isnan(age[pool.entries < 0]).all()
    assert (age[pool.entries >= 0] >= 0).all()
    assert not np.isnan(features[names.index("buyers_28d")]).any()
    share = features[names.index("category_share")]
    assert ((share >= 0) & (share <= 1 + 1e-6)).all()


def test_a_machine_without_openmp_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr("builtins.__import__", missing)
    with pytest.raises(UserError, match="libgomp1"):
        boosting.load_lightgbm()


def test_a_fusion_never_rests_on_a_source_that_says_nothing() -> None:
    _, pool, lesson = past(60)
    silent = {**pool.relative, "category_popularity": np.zeros_like(pool.relative["category_popularity"])}
    mute = replace(lesson, pool=replace(pool, relative=silent))
    fusion = Fusion(["category_popularity", "popularity"], customers=1000).fit([mute], "for_you")
    assert fusion.weights_.tolist() == [0.0, 1.0]
