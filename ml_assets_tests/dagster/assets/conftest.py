"""Fixtures for assets that are called alone."""

from pathlib import Path

import pytest

from ml_assets.dagster.shop import Shop
from ml_assets.settings.read.load import load_settings
from ml_assets.sources.base import EventSource
from ml_assets.sources.build import build_source
from ml_assets_tests.shop import write_shop


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EventSource:
    """Files of a shop named x, from 1 April to 31 May 2024."""
    monkeypatch.chdir(tmp_path)
    return build_source(load_settings(write_shop(tmp_path, name="x")))


@pytest.fixture
def shop(tmp_path: Path, source: EventSource) -> Shop:
    """The shop of these files."""
    return Shop.of(load_settings(tmp_path / "shop.yaml"), source)
