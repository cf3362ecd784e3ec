"""Choosing the method of a placement: rules that must hold for shops nobody has seen."""

from dataclasses import replace

import pytest

from ml_assets.methods import METHODS, SOURCES
from ml_assets.models.metrics.judge import CustomerMetrics
from ml_assets.models.metrics.measures import Measurement, Measures, mean_gain
from ml_assets.models.ranking.recipes import COMBINATIONS
from ml_assets.models.selection.choose import CHAMPION, SIMPLE_FIRST, YARDSTICKS, choose
from ml_assets_tests.models.selection.measured import measured


def chosen(*rows: list[Measurement]) -> str:
    return choose(Measures(one for row in rows for one in row), "discover").method


def test_the_best_method_is_chosen_when_it_beats_the_yardstick_everywhere() -> None:
    rows = measured("popularity", 0.2, 0.2), measured("ease", 0.25, 0.24), measured("user_knn", 0.23, 0.23)
    assert chosen(*rows) == "ease"


def test_a_method_that_surely_loses_one_window_is_not_published_however_good_its_mean() -> None:
    assert chosen(measured("popularity", 0.2, 0.2), measured("ease", 0.4, 0.19, spread=0.05)) == "popularity"


def test_a_window_lost_by_no_more_than_chance_does_not_outweigh_the_others() -> None:
    assert chosen(measured("popularity", 0.2, 0.2), measured("ease", 0.24, 0.199, spread=0.1)) == "ease"


def test_a_window_counts_by_its_customers() -> None:
    many, few = measured("ease", 0.22, 0.1)
    few = replace(few, metrics=CustomerMetrics(*[few.metrics.ndcg[:20]] * 3))
    base = measured("popularity", 0.2, 0.2)
    base[1] = replace(base[1], metrics=CustomerMetrics(*[base[1].metrics.ndcg[:20]] * 3))
    assert mean_gain([many, few], base) == pytest.approx((400 * 0.22 + 20 * 0.1) / (420 * 0.2) - 1)


def test_a_gain_that_chance_explains_is_not_published() -> None:
    base, noisy = measured("popularity", 0.2, 0.2), measured("ease", 0.21, 0.21, spread=0.5)
    assert mean_gain(noisy, base) > 0
    assert chosen(base, noisy) == "popularity"


def test_a_method_that_asks_when_needs_less_proof_than_one_against_best_sellers() -> None:
    """As many standard errors, one, against what each bought most often and against best-sellers."""
    better = measured("personal_blend", 0.22, 0.22, placement="buy_again", spread=0.5)
    base = measured("personal_frequency", 0.2, 0.2, placement="buy_again")
    assert choose(Measures([*base, *better]), "buy_again").method == "personal_blend"
    assert chosen(measured("popularity", 0.2, 0.2), measured("user_knn", 0.22, 0.22, spread=0.5)) == "popularity"


def test_of_equal_methods_the_simplest_is_chosen() -> None:
    rows = [measured(name, 0.25, 0.25) for name in ("user_knn", "ease", "decayed_popularity")]
    assert chosen(measured("popularity", 0.2, 0.2), *rows) == "decayed_popularity"


def test_against_best_sellers_a_combination_is_safer_than_the_best_of_many_by_chance() -> None:
    base, fusion = measured("popularity", 0.2, 0.2), measured("fusion", 0.25, 0.25)
    assert chosen(base, fusion, measured("ease", 0.26, 0.26, spread=0.5)) == "fusion"
    assert chosen(base, fusion, measured("ease", 0.30, 0.30, spread=0.5)) == "ease"


def test_against_what_each_buys_most_often_the_best_is_chosen() -> None:
    rows = [measured("personal_frequency", 0.2, 0.2), measured("fusion", 0.25, 0.25)]
    best = measured("personal_blend", 0.26, 0.26, spread=0.5)
    again = [replace(one, placement="buy_again") for row in (*rows, best) for one in row]
    assert choose(Measures(again), "buy_again").method == "personal_blend"


def test_a_combination_needs_less_proof_than_the_best_of_many() -> None:
    base = measured("popularity", 0.2, 0.2)
    assert chosen(base, measured("fusion", 0.22, 0.22, spread=0.5)) == "fusion"
    assert chosen(base, measured("ease", 0.22, 0.22, spread=0.5)) == "popularity"


def test_the_words_say_when_nothing_is_better_than_best_sellers() -> None:
    found = choose(Measures([*measured("popularity", 0.2, 0.2), *measured("ease", 0.1, 0.1)]), "discover")
    assert found.reason.startswith("Not better than best-sellers: EASE, the best of 1 other methods, scored -50.0%")


def test_for_you_is_held_against_the_better_of_both_yardsticks() -> None:
    rows = [
        *measured("personal_frequency", 0.1, 0.1, placement="for_you"),
        *measured("popularity", 0.3, 0.3, placement="for_you"),
        *measured("ease", 0.2, 0.2, placement="for_you"),
    ]
    assert choose(Measures(rows), "for_you").method == "popularity"


def test_where_nobody_buys_again_best_sellers_are_called_so() -> None:
    rows = [measured(name, 0.3, 0.3, placement="for_you") for name in ("personal_frequency", "popularity")]
    assert choose(Measures([*rows[0], *rows[1]]), "for_you").method == "popularity"


def test_every_method_that_is_no_recommender_is_a_combination() -> None:
    assert METHODS.keys() - SOURCES.keys() == COMBINATIONS.keys()


def test_the_yardsticks_of_every_placement_are_among_the_simplest_methods() -> None:
    yardsticks = {name for names in YARDSTICKS.values() for name in names}
    assert set(SIMPLE_FIRST[: len(yardsticks)]) == yardsticks


def test_the_champion_competes_for_promotion_and_not_for_being_chosen() -> None:
    assert chosen(measured("popularity", 0.2, 0.2), measured(CHAMPION, 0.4, 0.4)) == "popularity"
