"""Sessions on a real cluster: the doctor is content with a sound one, and says what an unsound one lacks."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ml_assets.cli.doctor.compute import look_at_compute
from ml_assets.settings.compute import ComputeSettings
from ml_assets_tests.spark.cluster import Cluster, cluster_of

pytest.importorskip("pyspark", reason="the extra spark is not installed: `make test-spark`")
pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_of(tmp_path_factory.mktemp("cluster"), workers=0) as cluster:
        yield cluster


def at(cluster: Cluster, wait: timedelta, **conf: str) -> ComputeSettings:
    return ComputeSettings(
        kind="spark",
        master=cluster.url,
        wait=wait,
        conf={"spark.driver.host": "127.0.0.1", "spark.executor.memory": "512m", **conf},
    )


def test_a_cluster_gives_no_executor_until_it_has_a_worker(cluster: Cluster) -> None:
    (found,) = look_at_compute(at(cluster, timedelta(seconds=45)))
    assert found.level == "error"
    assert "gave no executor; it was waited for 45s (compute.wait)" in found.words
    cluster.add_worker()
    (found,) = look_at_compute(at(cluster, timedelta(minutes=4)))
    assert (found.level, found.fix) == ("good", "")
    unfit = {"spark.pyspark.python": str(Path("/gone/python"))}
    (found,) = look_at_compute(at(cluster, timedelta(minutes=4), **unfit))
    assert found.level == "error"
    assert "cannot rank" in found.words
    assert "/gone/python" in found.words
    assert "spark.pyspark.python" in found.fix
