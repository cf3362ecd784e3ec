"""A study of whole shops: with tastes, without, tiny and large, and never beyond its last day."""

from datetime import timedelta

import numpy as np
import polars as pl

from ml_assets.models.placements import PLACEMENTS
from ml_assets.models.ranking.recipes import single
from ml_assets.models.selection.choose import CHAMPION
from ml_assets_tests.models.purchase_frames import END, catalogue, made_shop
from ml_assets_tests.models.studies import quick_settings, studied


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
