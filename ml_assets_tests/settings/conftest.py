"""Settings are read in an empty folder and an empty environment."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("DATABASE_URL", "DATABASE_URL_FILE", "PGHOST", "PGSERVICE", "ML_ASSETS_HOME", "ML_ASSETS_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
