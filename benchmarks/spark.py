"""Ranking on Spark beside ranking in one process, on a cluster of this machine, and what a killed worker costs.

The shop is made up, the ranker learned; lists must be equal. Processes of the cluster share the cores of this machine
with the driver, so that what is measured is what Spark costs, not what more machines give.
"""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from polars.testing import assert_frame_equal

from benchmarks.made_shops import LAST_DAY, Kind, made_shop
from ml_assets.cli.console import OUT
from ml_assets.dagster.compute import Compute
from ml_assets.features.interactions import build_interactions
from ml_assets.methods import SOURCES
from ml_assets.models.ranking.model import RecommenderModel
from ml_assets.models.ranking.ranker import Ranker
from ml_assets.models.recommenders.purchases import Purchases
from ml_assets.models.recommenders.registry import fit_sources, parameters_of
from ml_assets.models.selection.window import Window
from ml_assets.progress import Stage
from ml_assets.settings.compute import ComputeSettings
from ml_assets.settings.shop import Settings
from ml_assets_tests.models import studies
from ml_assets_tests.spark.cluster import Cluster, cluster_of

HORIZON = 30
SETTINGS = Settings()
METHODS = {"for_you": "personal_blend", "discover": "ease", "buy_again": "decayed_frequency"}


def learned(events: pl.DataFrame, interactions: pl.DataFrame, items: pl.DataFrame) -> RecommenderModel:
    """A model whose lists for everybody are ranked by trees that learned from the last `HORIZON` days."""
    names = [name for name in SOURCES if SOURCES[name].is_combined]
    parameters = parameters_of(SETTINGS.recommender, names)
    cutoff = LAST_DAY - timedelta(days=HORIZON - 1)
    window = Window.of(events.lazy(), items, cutoff=cutoff, horizons=[HORIZON], settings=SETTINGS)
    before = window.snapshot.purchases
    pool = window.pool(fit_sources(before, parameters).scores(before), SETTINGS.recommender.depth)
    ranker = Ranker(names)
    ranker.fit([window.lesson(pool)], "for_you")
    model = studies.train(interactions, items, SETTINGS.recommender, METHODS, LAST_DAY)
    sources = fit_sources(Purchases.of(interactions, LAST_DAY, items), parameters)
    return replace(model, sources=sources, methods=dict.fromkeys(model.methods, ranker))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came out."""
    began = time.monotonic()
    made = work()
    return time.monotonic() - began, made


def killing(cluster: Cluster, killed: list[float]) -> Callable[[Stage], None]:
    """Kill a worker once its executor ranks and a fifth of all is done."""

    def look(stage: Stage) -> None:
        if not killed and "shards" in stage.text and stage.share >= 0.2 and cluster.executor_of(0):
            cluster.kill_worker(0)
            killed.append(stage.share)

    return look


def measure(customers: int, rounds: int, shards: int) -> dict[str, Any]:
    """Seconds of each side, round after round."""
    events, items = made_shop(Kind(customers, 3000, 79, 7.5, 6, 0.35))
    interactions = build_interactions(events.lazy(), as_of=LAST_DAY, lookback_days=400, weights={}).collect()
    models = dict.fromkeys(METHODS, learned(events, interactions, items))
    given: Any = (models, interactions, items)
    more: Any = {"as_of": LAST_DAY, "settings": SETTINGS.recommender}
    here = Compute(ComputeSettings())
    facts: dict[str, Any] = {"customers": customers, "lines": events.height, "embedded": [], "spark": []}
    with tempfile.TemporaryDirectory() as folder, cluster_of(Path(folder), workers=2) as cluster:
        conf = {"spark.driver.host": "127.0.0.1", "spark.executor.memory": "512m", "spark.executor.cores": "1"}
        there = Compute(
            ComputeSettings(kind="spark", master=cluster.url, conf=conf, shards=shards, wait=timedelta(minutes=5))
        )
        try:
            here.recommend(*given, **more)
            for number in range(rounds + 1):
                seconds, lists = timed(lambda: here.recommend(*given, **more).lists)
                facts["embedded"].append(seconds)
                seconds, others = timed(lambda: there.recommend(*given, **more).lists)
                assert_frame_equal(lists, others, check_exact=True)
                # The first opens the session and starts Python on the executors.
                if number == 0:
                    facts["spark with its session"] = seconds
                else:
                    facts["spark"].append(seconds)
            killed: list[float] = []
            facts["spark, a worker killed"], others = timed(
                lambda: there.recommend(*given, **more, report=killing(cluster, killed)).lists
            )
            assert_frame_equal(lists, others, check_exact=True)
            facts["killed at"] = killed
        finally:
            there.close()
    return facts


def run(
    customers: Annotated[int, typer.Option(help="Customers of the made-up shop.")] = 20_000,
    rounds: Annotated[int, typer.Option(help="Turns of each side.")] = 3,
    shards: Annotated[int, typer.Option(help="As compute.shards.")] = 8,
) -> None:
    """Measure, and print seconds and ratios as JSON."""
    facts = measure(customers, rounds, shards)
    least = min(facts["embedded"])
    names = ("spark with its session", "spark, a worker killed")
    facts["ratios"] = {"spark": min(facts["spark"]) / least, **{name: facts[name] / least for name in names}}
    OUT.print_json(json.dumps(facts))


def main() -> None:
    """Read the command line."""
    typer.run(run)
