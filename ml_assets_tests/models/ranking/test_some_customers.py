"""Some customers ranked alone have the rows that a run of everybody gives them, whoever they are."""

from dataclasses import replace
from functools import cache

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ml_assets.methods import SOURCES
from ml_assets.models.placements import PLACEMENTS
from ml_assets.models.ranking import prepared
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.snapshot import Snapshot
from ml_assets.models.recommenders.registry import fit_sources
from ml_assets.settings.experiments import ExplorationSettings
from ml_assets_tests.models import studies
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop
from ml_assets_tests.models.ranking.test_methods import MAKERS, NAMES, PARAMETERS, fitted
from ml_assets_tests.models.ranking.trained import SETTINGS, train

CUSTOMERS = 90
COMBINED = ("fusion", "lambdarank")
EXPLORED = ExplorationSettings(placements=["discover"], epsilon=0.3)


@cache
def interactions() -> pl.DataFrame:
    return as_interactions(made_shop(customers=CUSTOMERS))


@cache
def model(method: str) -> RecommenderModel:
    if method not in COMBINED:
        return train(interactions(), methods=dict.fromkeys(PLACEMENTS, method))
    purchases = Snapshot.of(interactions(), catalogue(), END, SETTINGS).purchases
    sources = fit_sources(purchases, {**{name: PARAMETERS[name] for name in NAMES}, "ease": {"min_item_buyers": 2}})
    methods = {placement: fitted(MAKERS[method], placement) for placement in PLACEMENTS}
    return replace(train(interactions()), sources=sources, methods=methods)


def lists(method: str, customers: list[int] | None = None) -> pl.DataFrame:
    return studies.lists_of(
        model(method), interactions(), catalogue(), SETTINGS, exploration=EXPLORED, customers=customers
    )


@cache
def whole(method: str) -> pl.DataFrame:
    return lists(method)


@pytest.mark.parametrize("method", [*SOURCES, *COMBINED])
def test_any_customers_have_their_rows_of_the_whole_run(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Blocks of which the whole run has several, with other bounds than those of some customers.
    monkeypatch.setattr(prepared, "BLOCK", 16)

    @given(st.sets(st.integers(0, CUSTOMERS), max_size=40))
    @hypothesis_settings(max_examples=8)
    def holds(some: set[int]) -> None:
        expected = whole(method).filter(pl.col("customer_id").is_in(list(some)))
        assert lists(method, customers=sorted(some)).equals(expected)

    holds()
