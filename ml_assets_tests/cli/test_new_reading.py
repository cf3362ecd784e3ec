"""Settings that read the source are changed on a shop that runs: all its days mean the same afterwards."""

from pathlib import Path

import pytest

from ml_assets.lake import Lake
from ml_assets_tests.cli.shops import Shop, running_shop

pytestmark = pytest.mark.long

RUN = ("run", "--date", "2024-05-31")
SAID = "changed since days were loaded; loading all days again, and training the models on them"


def quantities(shop: Shop) -> set[float]:
    """All that are in the lake."""
    lake = Lake(shop.home / "lake" / "books")
    return set(lake.scan("transactions", lake.partitions("transactions")).collect()["quantity"])


def test_all_days_are_loaded_again_as_the_settings_are_now_and_models_trained_on_them(
    embedded_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with running_shop(embedded_url, tmp_path, "new_reading") as shop:
        settings = shop.config.read_text()
        assert shop.call(*RUN) == 0
        assert quantities(shop) == {1.0}
        # Most lines are of no use then: it stops, and nothing is shown of a mixture.
        shop.config.write_text(settings.replace("item: isbn, time", "item: 'nullif(isbn, isbn)', time"))
        capfd.readouterr()
        assert shop.call(*RUN) == 1
        assert f"source.columns.item {SAID}" in capfd.readouterr().err

        shop.config.write_text(settings.replace("quantity: copies", "quantity: copies + 1"))
        assert shop.call(*RUN) == 0
        said = capfd.readouterr().err
        assert "not all days were loaded again" in said
        assert said.count(" s  training the models of week") == 1
        assert quantities(shop) == {2.0}

        # What no line's meaning depends on.
        shop.config.write_text(shop.config.read_text() + "events: {max_quarantined: 0.3}\n")
        assert shop.call(*RUN) == 0
        said = capfd.readouterr().err
        assert "loading" not in said
        assert "training the models" not in said
