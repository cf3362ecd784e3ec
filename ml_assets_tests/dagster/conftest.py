"""Fixtures of tests of the sensors."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from pydantic import SecretStr

from ml_assets.settings.read.load import load_settings
from ml_assets_tests.dagster.house import House
from ml_assets_tests.shop import write_shop


@pytest.fixture
def house(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for variable in [name for name in os.environ if name.startswith(("ML_ASSETS_", "DATABASE_URL", "PG"))]:
        monkeypatch.delenv(variable)
    config = write_shop(tmp_path)
    parts = sorted((tmp_path / "events").glob("*.parquet"))
    pl.concat(pl.read_parquet(part) for part in parts).write_parquet(tmp_path / "whole.parquet")
    parts[1].unlink()
    settings = load_settings(config).model_copy(update={"database_url": SecretStr(postgres_url)})
    with dg.DagsterInstance.ephemeral() as instance:
        made = House(tmp_path, settings, instance)
        made.deliver(date(2024, 5, 20))
        yield made
