"""A week whose models cannot be trained does not keep its days from readers, and is trained as soon as it can be."""

from pathlib import Path

import pytest

from ml_assets_tests.cli.shops import running_shop
from ml_assets_tests.small_disk import read_only

pytestmark = pytest.mark.long

LIVE = "SELECT DISTINCT data_as_of::text FROM books_ml.releases WHERE state = 'live'"
MODELS = "SELECT count(*) FROM books_ml_meta.models WHERE trained_through = '2024-05-26'"


def test_the_models_before_score_the_day_and_the_next_run_trains_by_itself(
    embedded_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with running_shop(embedded_url, tmp_path, "failed_training") as shop:
        assert shop.call("run", "--date", "2024-05-26") == 0
        with read_only(shop.home / "lake" / "books" / "models") as is_read_only:
            if not is_read_only:
                pytest.skip("nothing can be mounted here")
            capfd.readouterr()
            assert shop.call("run", "--date", "2024-05-27") == 2
        said = " ".join(capfd.readouterr().err.split())
        assert "Failed: training the models of week 2024-05-27:" in said
        assert "Read-only file system" in said
        assert "Those before score 2024-05-27." in said
        assert shop.rows(LIVE) == [("2024-05-27",)]
        assert shop.rows(MODELS) == [(0,)]

        assert shop.call("run", "--date", "2024-05-28") == 0
        assert shop.rows(LIVE) == [("2024-05-28",)]
        assert shop.rows(MODELS)[0][0] > 0
