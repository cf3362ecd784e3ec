"""The whole way with Spark in the settings: what an application reads is what it read without."""

from pathlib import Path

import pytest

from ml_assets.settings.compute import ComputeSettings
from ml_assets.spark.session import Session, open_session
from ml_assets_tests.cli.shops import running_shop

pyspark = pytest.importorskip("pyspark.sql", reason="the extra spark is not installed: `make test-spark`")
pytestmark = pytest.mark.spark

LISTS = """SELECT customer_id, placement, rank, item_id, score, reason_code, reason_items, reason_text
FROM books_ml.recommendations ORDER BY customer_id, placement, rank"""
RELEASE = "SELECT max(release_id) FROM books_ml.releases WHERE subject = 'recommendations'"


def test_a_day_that_is_run_on_spark_shows_the_same_lists_and_leaves_no_session(
    embedded_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_shop(embedded_url, tmp_path, "on_spark") as shop:
        assert shop.call("run", "--date", "2024-05-31") == 0
        before, first = shop.rows(LISTS), shop.rows(RELEASE)
        monkeypatch.setenv("ML_ASSETS_COMPUTE__KIND", "spark")
        monkeypatch.setenv("ML_ASSETS_COMPUTE__MASTER", "local[2]")
        monkeypatch.setenv("ML_ASSETS_COMPUTE__WAIT", "5m")
        opened: list[ComputeSettings] = []

        def opening(settings: ComputeSettings) -> Session:
            opened.append(settings)
            return open_session(settings)

        monkeypatch.setattr("ml_assets.dagster.compute.open_session", opening)
        assert shop.call("run", "--date", "2024-05-31") == 0
        assert [settings.master for settings in opened] == ["local[2]"]
        assert before
        assert shop.rows(LISTS) == before
        assert shop.rows(RELEASE) > first
        assert pyspark.SparkSession.getActiveSession() is None
