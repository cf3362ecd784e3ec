"""What tests of lists share: a small model, its lists, one row of them, and what holds for all."""

from typing import Any

import numpy as np
import polars as pl

from ml_assets.methods import TIERS
from ml_assets.models.placements import PLACEMENTS
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.reasons import REASONS
from ml_assets.settings.recommender import RecommenderSettings
from ml_assets_tests.models import studies
from ml_assets_tests.models.purchase_frames import catalogue

SETTINGS = RecommenderSettings(k=5, stored=10, min_item_buyers=2)


def train(interactions: pl.DataFrame, settings: RecommenderSettings = SETTINGS, **more: Any) -> RecommenderModel:
    return studies.train(interactions, catalogue(), settings, **more)


def lists_as_of_end(
    interactions: pl.DataFrame,
    settings: RecommenderSettings = SETTINGS,
    items: pl.DataFrame | None = None,
    methods: dict[str, str] | None = None,
) -> pl.DataFrame:
    items = catalogue() if items is None else items
    model = studies.train(interactions, items, settings, methods)
    return studies.lists_of(model, interactions, items, settings)


def row_of(lists: pl.DataFrame, customer: int, placement: str) -> dict[str, Any]:
    return lists.row(by_predicate=(pl.col("customer_id") == customer) & (pl.col("placement") == placement), named=True)


def assert_sound(lists: pl.DataFrame, interactions: pl.DataFrame, eligible: set[object], stored: int) -> None:
    """What holds for every list of every shop."""
    bought = dict(interactions.group_by("customer_id").agg(pl.col("item_id").unique()).iter_rows())

    def allowed(customer: object, placement: str) -> set[object]:
        own = set(bought[customer])
        return {"for_you": eligible, "discover": eligible - own, "buy_again": eligible & own}[placement]

    assert sorted(lists.select("customer_id", "placement").rows()) == sorted(
        # Who has bought everything there is has nothing to discover, and no row.
        (customer, placement)
        for customer in bought
        for placement in PLACEMENTS
        if allowed(customer, placement)
    )
    for row in lists.iter_rows(named=True):
        ids, own = row["item_ids"], set(bought[row["customer_id"]])
        may = allowed(row["customer_id"], row["placement"])
        if row["placement"] != "buy_again":
            assert len(ids) == min(stored, len(may))
        assert len(ids) == len(set(ids)) <= stored
        assert set(ids) <= may
        assert {len(row[name]) for name in ("scores", "sources", "reason_codes", "reason_items")} == {len(ids)}
        assert row["scores"] == sorted(row["scores"], reverse=True)
        assert all(np.isfinite(row["scores"]))
        assert all(score > 0 for score in row["scores"])
        assert set(row["sources"]) <= set(TIERS)
        assert set(row["reason_codes"]) <= set(REASONS)
        for item, code, because in zip(ids, row["reason_codes"], row["reason_items"], strict=True):
            assert len(because) <= 2
            assert set(because) <= own
            assert bool(because) == (code == "because_you_bought" or item in because)
