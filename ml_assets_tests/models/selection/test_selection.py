"""Choosing, promoting and refusing: rules that must hold for shops nobody has seen."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ml_assets.errors import UserError
from ml_assets.methods import METHODS, SOURCES
from ml_assets.models.metrics.intervals import bootstrap_means, interval_of
from ml_assets.models.metrics.judge import CustomerMetrics
from ml_assets.models.metrics.list_facts import ListFacts
from ml_assets.models.metrics.measures import Measurement, Measures, mean_gain
from ml_assets.models.parameters import schema_of
from ml_assets.models.placements import PLACEMENTS
from ml_assets.models.ranking.recipes import COMBINATIONS, Recipe, combination, single
from ml_assets.models.selection.choose import CHAMPION, SIMPLE_FIRST, YARDSTICKS, choose
from ml_assets.models.selection.history import History
from ml_assets.models.selection.plan import FEWEST, LESSONS, plan_windows
from ml_assets.models.selection.promotion import Decision, decide_promotion
from ml_assets.settings.recommender import SelectionSettings
from ml_assets_tests.models.purchase_frames import END, catalogue, made_shop
from ml_assets_tests.models.studies import quick_settings, studied

FACTS = ListFacts(0.1, 100, 3.0, 0.5, 0.5, 0.0, 0.0)
WINDOWS = (END - timedelta(days=30), END - timedelta(days=60))
RULES = SelectionSettings()
FULL = quick_settings(selection={"effort": "full", "windows": 3})


def measured(
    method: str, *ndcg: float, placement: str = "discover", spread: float = 0.0, coverage: float = 0.1
) -> list[Measurement]:
    """One measure per window, of 400 customers around a mean."""
    noise = np.tile([-spread, spread], 200)
    return [
        Measurement(
            placement, cutoff, 30, method, CustomerMetrics(mean + noise, mean + noise, mean + noise),
            ListFacts(coverage, 100, 3.0, 0.5, 0.5, 0.0, 0.0),
        )
        for cutoff, mean in zip(WINDOWS, ndcg, strict=True)
    ]  # fmt: skip


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


def decision(
    challenger: list[Measurement], yardstick: list[Measurement], champion: list[Measurement], **more: Any
) -> Decision:
    facts: dict[str, Any] = {
        "is_yardstick": False,
        "trained_through": date(2024, 6, 30),
        "champion_through": date(2024, 6, 23) if champion else None,
        "settings": RULES,
    }
    return decide_promotion(challenger, yardstick, champion, **(facts | more))


BASE = measured("popularity", 0.2, 0.2)


def test_the_first_model_is_promoted_when_it_beats_the_yardstick() -> None:
    found = decision(measured("ease", 0.25, 0.25), BASE, [])
    assert found.promoted
    assert found.facts["gain_over_yardstick"] == pytest.approx(0.25)


def test_a_challenger_within_the_margin_is_promoted_because_its_data_are_newer() -> None:
    found = decision(measured("ease", 0.25, 0.247), BASE, measured(CHAMPION, 0.25, 0.25))
    assert found.promoted
    assert "with newer data" in found.reason


def test_a_challenger_beyond_the_margin_is_refused_with_its_numbers() -> None:
    found = decision(measured("ease", 0.24, 0.24), BASE, measured(CHAMPION, 0.25, 0.25))
    assert not found.promoted
    assert "-4.0% NDCG against the champion" in found.reason
    assert found.facts["champion_ndcg"] == pytest.approx(0.25)


def test_a_challenger_worse_than_the_simple_method_is_refused() -> None:
    assert not decision(measured("ease", 0.19, 0.19), BASE, []).promoted


def test_the_simple_method_itself_may_be_published() -> None:
    assert decision(BASE, BASE, [], is_yardstick=True).promoted


def test_a_challenger_that_shows_much_less_of_the_catalogue_is_refused() -> None:
    narrow = measured("ease", 0.3, 0.3, coverage=0.01)
    found = decision(narrow, BASE, measured(CHAMPION, 0.25, 0.25))
    assert not found.promoted
    assert "less than 50% of the champion's" in found.reason


def test_a_challenger_with_older_data_than_the_champion_is_refused() -> None:
    found = decision(measured("ease", 0.3, 0.3), BASE, measured(CHAMPION, 0.25, 0.25), trained_through=date(2024, 6, 1))
    assert not found.promoted
    assert "2024-06-01" in found.reason


def test_without_windows_only_the_dates_decide() -> None:
    assert decision([], [], [], is_yardstick=True).promoted
    old = {"trained_through": date(2024, 6, 1), "champion_through": date(2024, 6, 23)}
    assert not decision([], [], [], is_yardstick=True, **old).promoted


@given(st.integers(0, 800), st.lists(st.integers(1, 60), min_size=1, max_size=3), st.integers(1, 5))
def test_windows_follow_each_other_and_begin_where_enough_is_known(room: int, horizons: list[int], wanted: int) -> None:
    earliest = END - timedelta(days=room - 1)
    plan = plan_windows(earliest, END, horizons, wanted)
    if plan is None:
        assert room < FEWEST, "a day for each of the fewest windows is enough"
        return
    assert min(FEWEST, wanted + LESSONS - 1) <= len(plan.cutoffs) <= wanted + LESSONS - 1
    assert plan.cutoffs[0] + timedelta(days=plan.days - 1) == END, "the newest window ends on the last day"
    gaps = {(newer - older).days for newer, older in zip(plan.cutoffs, plan.cutoffs[1:], strict=False)}
    assert gaps <= {plan.days}, "no day is in two windows"
    assert all(cutoff >= earliest for cutoff in plan.cutoffs)
    assert len(set(plan.horizons) - set(horizons)) <= 1, "one horizon stands for all that do not fit"
    assert plan.days <= max(horizons)


@pytest.mark.parametrize(
    ("room", "judged"), [(180, (7, 30)), (63, (7, 21)), (42, (7, 14)), (29, (7,)), (21, (7,)), (12, (4,))]
)
def test_a_short_history_has_shorter_windows_rather_than_one(room: int, judged: tuple[int, ...]) -> None:
    plan = plan_windows(END - timedelta(days=room - 1), END, [7, 30], 3)
    assert plan is not None
    assert plan.horizons == judged


def test_a_history_without_room_for_what_is_asked_is_judged_all_the_same_and_says_so() -> None:
    recent = made_shop(customers=300).filter(pl.col("day") > END - timedelta(days=45))
    study = studied(recent, catalogue(), quick_settings(evaluation_days=[30]))
    assert study.plan is not None
    assert study.plan.days < 30
    assert any("too short for windows of 30 days" in note for note in study.notes)
    assert study.choices["discover"].gain > 0.2


def test_no_window_begins_before_most_customers_are_known() -> None:
    """Customers of whom only the last orders are kept look, some weeks back, as if they had not been there."""
    shop = made_shop(customers=300)
    newest = shop.group_by("customer_id", "day").agg().sort("day").group_by("customer_id").tail(3)
    kept = shop.join(newest, on=["customer_id", "day"], how="semi")
    plan = History.of(kept.lazy(), catalogue(), first_day=min(kept["day"]), through=END, settings=FULL).plan()
    assert plan is not None
    assert kept.filter(pl.col("day") < plan.cutoffs[-1]).height >= 0.4 * kept.height


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
@hypothesis_settings(deadline=None)
def test_an_interval_holds_its_mean_and_lies_between_the_extremes(values: list[float]) -> None:
    found = interval_of(np.array(values))
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert found.mean == pytest.approx(np.mean(values))


def test_the_bootstrap_has_the_spread_of_the_mean_and_pairs_its_columns() -> None:
    values = np.random.default_rng(0).normal(size=(900, 1))
    means = bootstrap_means(np.hstack([values, values + 5]))
    assert means[:, 0].std() == pytest.approx(1 / 30, rel=0.15)
    np.testing.assert_allclose(means[:, 1] - means[:, 0], 5)


@pytest.mark.parametrize(
    "recipe", [single("ease", {"ease": {"regularisation": 2.0}}), combination("ranker", ["ease"], {})]
)
def test_a_recipe_survives_its_card(recipe: Recipe) -> None:
    assert Recipe.from_json(recipe.as_json()) == recipe


def test_a_recipe_of_a_method_that_is_gone_is_none() -> None:
    assert Recipe.from_json({"method": "word2vec", "parameters": {}, "sources": {}}) is None


@pytest.mark.parametrize("kind", COMBINATIONS)
def test_every_parameter_of_a_combination_is_described_and_checked_when_a_card_is_read(kind: str) -> None:
    written = combination(kind, ["popularity"], {}).as_json()
    for parameter, field in schema_of(COMBINATIONS[kind]).model_fields.items():
        assert field.description, parameter
        with pytest.raises(UserError, match=rf"The parameter {parameter} of {kind} is -1"):
            Recipe.from_json({**written, "parameters": {"sources": ["popularity"], parameter: -1}})
    with pytest.raises(UserError, match="The parameter days of popularity is 0"):
        Recipe.from_json({**written, "sources": {"popularity": {"days": 0}}})


def random_shop(seed: int = 5) -> pl.DataFrame:
    """Customers who buy anything at all, with equal chances, over 120 days."""
    rng = np.random.default_rng(seed)
    shop = made_shop(customers=400, items=40, orders=12, seed=seed)
    return shop.with_columns(item_id=pl.Series(rng.integers(0, 40, shop.height))).unique(
        ["customer_id", "order_id", "item_id"], maintain_order=True
    )


def test_a_shop_of_random_purchases_is_told_so_and_gets_best_sellers() -> None:
    study = studied(random_shop(), catalogue(), quick_settings(selection={"effort": "quick"}))
    assert study.choices["discover"].method == "popularity"
    assert study.choices["discover"].reason.startswith("Not better than best-sellers")


def test_a_shop_with_tastes_gets_a_method_that_knows_them() -> None:
    study = studied(made_shop(customers=400), catalogue(), quick_settings())
    assert study.choices["discover"].method in {"ease", "user_knn", "personal_blend"}
    assert study.choices["discover"].gain > 0.2


def test_a_tiny_shop_hears_what_its_data_can_carry() -> None:
    study = studied(made_shop(customers=30), catalogue(), quick_settings())
    words = " ".join(study.notes)
    assert "30 buyers" in words
    assert "Switched off: EASE" in words or "Switched off: matrix factorisation, EASE" in words


def test_a_history_too_short_to_judge_gets_the_simple_methods_and_says_so() -> None:
    young = made_shop().filter(pl.col("day") > END - timedelta(days=12))
    study = studied(young, catalogue(), quick_settings())
    assert study.plan is None
    assert {choice.method for choice in study.choices.values()} == {"personal_frequency", "popularity"}
    assert "too few to judge" in study.choices["for_you"].reason


def test_a_study_never_looks_beyond_its_last_day() -> None:
    transactions, day = made_shop(customers=300), END - timedelta(days=15)
    before = transactions.filter(pl.col("day") <= day)
    one, two = (studied(rows, catalogue(), quick_settings(), through=day) for rows in (before, transactions))
    assert one.measures.table().equals(two.measures.table())
    assert one.choices == two.choices


def test_the_champion_is_judged_on_the_same_windows_also_when_its_recipe_is_another() -> None:
    transactions = made_shop(customers=300)
    settings = quick_settings()
    champions = {"discover": single("user_knn", {"user_knn": {"neighbours": 3}}), "for_you": single("popularity", {})}
    study = studied(transactions, catalogue(), settings, champions=champions)
    for placement in champions:
        champion = study.measures.of(placement, CHAMPION)
        assert [one.cutoff for one in champion] == [one.cutoff for one in study.measures.of(placement, "popularity")]
    same = study.measures.of("for_you", "popularity")
    assert [one.ndcg for one in study.measures.of("for_you", CHAMPION)] == [one.ndcg for one in same]
    assert set(study.summary()["role"]) >= {"chosen", "champion", "yardstick"}


def test_large_shops_are_studied_on_a_sample() -> None:
    settings = quick_settings(selection={"effort": "quick", "max_customers": 100})
    study = studied(made_shop(customers=400), catalogue(), settings)
    assert study.capacity.buyers == 100


def test_all_placements_are_measured() -> None:
    study = studied(made_shop(customers=300), catalogue(), quick_settings())
    assert set(study.measures.table()["placement"]) == set(PLACEMENTS) == set(study.choices)


def test_the_champion_competes_for_promotion_and_not_for_being_chosen() -> None:
    assert chosen(measured("popularity", 0.2, 0.2), measured(CHAMPION, 0.4, 0.4)) == "popularity"
