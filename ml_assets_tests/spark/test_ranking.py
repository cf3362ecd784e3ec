"""Lists from a real cluster: equal to those of this process, row by row, whatever dies on the way."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ml_assets.dagster.compute import Compute
from ml_assets.models.ranking import prepared
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.recommend import recommend
from ml_assets.progress import Stage
from ml_assets.settings.compute import ComputeSettings
from ml_assets.settings.experiments import ExplorationSettings
from ml_assets.settings.recommender import RecommenderSettings
from ml_assets_tests.models import studies
from ml_assets_tests.models.purchase_frames import END, as_interactions, catalogue, made_shop
from ml_assets_tests.models.ranking.trained import SETTINGS
from ml_assets_tests.spark.cluster import Cluster, cluster_of

pytest.importorskip("pyspark", reason="the extra spark is not installed: `make test-spark`")
pytestmark = pytest.mark.spark

EXPLORATION = ExplorationSettings(placements=["discover"], epsilon=0.3)
CUSTOMERS = 3 * prepared.BLOCK + 100


def settings_of(cluster: Cluster, **more: Any) -> ComputeSettings:
    conf = {
        "spark.driver.host": "127.0.0.1",
        "spark.executor.memory": "512m",
        "spark.executor.cores": 1,
        **more.pop("conf", {}),
    }
    return ComputeSettings(kind="spark", master=cluster.url, conf=conf, wait=timedelta(minutes=4), **more)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_of(tmp_path_factory.mktemp("cluster"), workers=2) as cluster:
        yield cluster


@cache
def shop() -> tuple[pl.DataFrame, pl.DataFrame]:
    return as_interactions(made_shop(customers=CUSTOMERS)), catalogue()


@cache
def model(discover: str) -> RecommenderModel:
    return studies.train(*shop(), SETTINGS, studies.METHODS | {"discover": discover})


def both(compute: Compute, models: dict[str, RecommenderModel], **more: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    more = {"as_of": END, "settings": SETTINGS, **more}
    return compute.recommend(models, *shop(), **more).lists, recommend(models, *shop(), **more).lists


def test_lists_scores_reasons_and_propensities_are_those_of_one_process(cluster: Cluster) -> None:
    compute = Compute(settings_of(cluster, shards=3))
    told: list[Stage] = []
    try:
        # Two models: each with candidates and scores of its own.
        models = {"for_you": model("factorisation"), "discover": model("ease"), "buy_again": model("ease")}
        there, here = both(compute, models, exploration=EXPLORATION, report=told.append)
        assert_frame_equal(there, here, check_exact=True)
        assert here["propensities"].list.len().sum() > 0
        assert "because_you_bought" in here["reason_codes"].explode()
        assert any("shards" in stage.text for stage in told)
        # The same session, another day: neighbours are other customers' histories.
        strict = RecommenderSettings(**{**SETTINGS.model_dump(), "left_after_days": 30})
        there, here = both(compute, dict.fromkeys(studies.METHODS, model("user_knn")), settings=strict)
        assert_frame_equal(there, here, check_exact=True)
    finally:
        compute.close()


def test_nobody_to_rank_gives_no_lists(cluster: Cluster) -> None:
    compute = Compute(settings_of(cluster))
    try:
        nobody = shop()[0].clear()
        models = dict.fromkeys(studies.METHODS, model("ease"))
        found = compute.recommend(models, nobody, shop()[1], as_of=END, settings=SETTINGS)
        assert_frame_equal(found.lists, recommend(models, nobody, shop()[1], as_of=END, settings=SETTINGS).lists)
    finally:
        compute.close()


def test_a_worker_killed_while_it_ranks_changes_nothing(tmp_path: Path) -> None:
    with cluster_of(tmp_path, workers=2) as cluster:
        compute = Compute(settings_of(cluster, shards=8))
        killed: list[str] = []

        def kill(stage: Stage) -> None:
            if "shards" in stage.text and not killed and cluster.executor_of(0) and cluster.executor_of(1):
                cluster.kill_worker(0)
                killed.append(stage.text)

        try:
            models = {"for_you": model("factorisation"), "discover": model("ease"), "buy_again": model("ease")}
            there, here = both(compute, models, report=kill)
            assert killed
            assert_frame_equal(there, here, check_exact=True)
        finally:
            compute.close()
