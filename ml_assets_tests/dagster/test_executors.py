"""Steps work in processes, containers or pods where the settings say so."""

import dagster as dg
import pytest

from ml_assets.dagster.executors import build_executor
from ml_assets.settings.schedules import ScheduleSettings
from ml_assets.settings.shop import Settings
from ml_assets_tests.refused import refused


def of(name: str) -> dg.ExecutorDefinition:
    return build_executor(Settings(schedules=ScheduleSettings.model_validate({"executor": name})))


@pytest.mark.parametrize("name", ["in_process", "multiprocess", "docker"])
def test_the_executor_is_the_one_of_the_settings(name: str) -> None:
    assert of(name).name == name


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr("ml_assets.dagster.executors.import_module", gone)
    with refused("settings.wrong", "kubernetes"):
        of("kubernetes")
