"""Shops in which nothing is bought twice: how that is found out, and what their lists are worth."""

from datetime import timedelta
from typing import get_args

import polars as pl
import pytest

from ml_assets.methods import NOT_MADE, PERSONAL
from ml_assets.models.evaluate import evaluate
from ml_assets.models.metrics.evaluation import ListEvaluation
from ml_assets.models.placements import PLACEMENTS, SIMILAR_ITEMS, Filled
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.selection.capacity import Capacity
from ml_assets.models.selection.decisions import decide_placements
from ml_assets.models.selection.repeats import Repeats
from ml_assets.models.training import fit_recommender
from ml_assets.settings.recommender import RecommenderSettings
from ml_assets_tests.models.no_repeats import film_lovers, films
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop, purchases_of
from ml_assets_tests.models.studies import lists_of, quick_settings, studied

CUTOFF = END - timedelta(days=29)
QUICK = quick_settings(k=10, stored=30, min_item_buyers=10, evaluation_days=[7, 30])


def test_what_can_be_filled_is_the_placements_and_similar_items() -> None:
    assert get_args(Filled) == (*PLACEMENTS, SIMILAR_ITEMS)


def repeats_of(interactions: pl.DataFrame, **settings: str) -> Repeats:
    options = RecommenderSettings.model_validate(settings)
    return Repeats.of(Capacity.of(Snapshot.of(interactions, catalogue(), END, options)), options)


@pytest.fixture(scope="module")
def evaluated() -> ListEvaluation:
    return evaluate(film_lovers(), films(), cutoff=CUTOFF, horizons=[7, 30], settings=QUICK)


def test_the_share_counts_purchases_after_the_first_order_alone() -> None:
    # Customer 1 buys 5 and 6, then 5 again and 7; customer 2 buys once.
    found = repeats_of(purchases_of((1, 5, 9, 1), (1, 6, 9, 1), (1, 5, 2, 0), (1, 7, 2, 0), (2, 5, 3, 0)))
    assert (found.share, found.purchases) == (0.5, 2)


def test_a_handful_of_purchases_proves_nothing_and_repeats_stay_allowed() -> None:
    found = repeats_of(
        purchases_of(*((customer, customer + age, age, age) for customer in range(9) for age in range(9)))
    )
    assert (found.share, found.occur) == (0.0, True)
    assert "fewer than 100 say nothing" in found.rule


@pytest.mark.parametrize(("again", "occur"), [(0.0, False), (0.01, False), (0.3, True)])
def test_under_one_in_a_hundred_purchases_do_not_recur(again: float, occur: bool) -> None:
    found = repeats_of(as_interactions(film_lovers(150, again=again)))
    assert found.occur is occur
    assert f"({found.share:.1%})" in found.rule


def test_the_setting_overrules_what_is_measured() -> None:
    assert repeats_of(as_interactions(film_lovers(150)), repeats="occur").occur
    assert not repeats_of(as_interactions(made_shop()), repeats="do_not_occur").occur


def test_for_you_is_as_good_as_discover_where_nothing_is_bought_twice(evaluated: ListEvaluation) -> None:
    ndcg = {
        (row["placement"], row["horizon"]): row["ndcg"]
        for row in evaluated.table.filter(method="recommender").iter_rows(named=True)
    }
    for days in (7, 30):
        assert ndcg["for_you", days] >= 0.99 * ndcg["discover", days]
    blind = quick_settings(**{**QUICK.recommender.model_dump(exclude={"selection"}), "repeats": "occur"})
    before = evaluate(film_lovers(), films(), cutoff=CUTOFF, horizons=[30], settings=blind).table
    listed = before.filter(method="recommender", placement="for_you", horizon=30)["ndcg"].item()
    assert ndcg["for_you", 30] > 1.3 * listed, "than with lists of what everybody has seen"


def test_nothing_is_judged_that_nobody_can_do(evaluated: ListEvaluation) -> None:
    assert set(evaluated.table["placement"]) == {"for_you", "discover"}
    assert (evaluated.table["customers"] > 0).all()
    assert "personal_frequency" not in evaluated.table["method"]
    assert any("purchases do not recur" in note for note in evaluated.notes)


def test_the_model_card_has_the_number_and_the_rule_and_its_lists_follow_them() -> None:
    transactions, interactions = film_lovers(150), as_interactions(film_lovers(150))
    study = studied(transactions, films(), QUICK)
    model = fit_recommender(interactions, films(), study, QUICK.recommender)
    assert model.card.metrics["repeat_share"] == 0.0
    facts = model.card.parameters["repeats"]
    assert isinstance(facts, dict)
    assert "under 1%. for_you leaves out what the customer bought" in str(facts["rule"])
    lists = lists_of(model, interactions, films(), QUICK.recommender)
    assert set(lists["placement"]) == {"for_you", "discover"}
    pairs = lists.explode("item_ids", empty_as_null=False).select("customer_id", item_id="item_ids")
    assert pairs.join(interactions, on=["customer_id", "item_id"], how="semi").is_empty()
    assert PERSONAL not in lists["sources"].explode()
    assert (lists["item_ids"].list.len() == 30).all(), "lists stay full"


def test_the_registry_is_told_that_a_list_is_not_made_and_why() -> None:
    study = studied(film_lovers(150), films(), QUICK)
    decisions = {one.placement: one for one in decide_placements(study, {}, QUICK.recommender)}
    unmade = decisions["buy_again"]
    assert (unmade.promoted, unmade.method) == (True, NOT_MADE)
    assert unmade.reason.startswith("Not made: 0 of ")
    assert decisions["for_you"].method != NOT_MADE


def test_a_history_too_short_to_judge_still_has_lists_without_what_was_bought() -> None:
    recent = film_lovers(150).filter(pl.col("day") > END - timedelta(days=12))
    study = studied(recent, films(), quick_settings(repeats="do_not_occur"))
    assert study.plan is None
    assert {name: choice.method for name, choice in study.choices.items()} == {
        "for_you": "popularity",
        "discover": "popularity",
    }


def test_a_shop_that_repeats_keeps_its_three_lists() -> None:
    study = studied(made_shop(), catalogue(), quick_settings())
    assert study.repeats.occur
    assert set(study.choices) == {"for_you", "discover", "buy_again"}
