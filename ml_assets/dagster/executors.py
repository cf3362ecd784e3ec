"""Where the steps of a run work. Containers and pods take image and variables from the run launcher of dagster.yaml."""

from collections.abc import Mapping
from importlib import import_module  # noqa: TID251 packages that are optional, named in the table below

import dagster as dg

from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings

# Executor -> (module, its executor); the extra of ml-assets that brings the module is called like the executor.
OTHERS: Mapping[str, tuple[str, str]] = {
    "docker": ("dagster_docker", "docker_executor"),
    "kubernetes": ("dagster_k8s", "k8s_job_executor"),
}


def build_executor(settings: Settings) -> dg.ExecutorDefinition:
    """The executor that `schedules.executor` names; raises `UserError` where its package is missing."""
    name = settings.schedules.executor
    if name == "in_process":
        # A step of the daily chain takes seconds; a process for each would take longer than its work.
        return dg.in_process_executor
    if name == "multiprocess":
        return dg.multiprocess_executor
    module, attribute = OTHERS[name]
    try:
        found = import_module(module)
    except ImportError:
        raise UserError(
            f"schedules.executor is {name}, but its package is not installed.",
            f"Install it: pip install 'ml-assets[{name}]' (in the containers: EXTRAS={name} in docker/.env).",
            code="settings.wrong",
        ) from None
    executor: dg.ExecutorDefinition = getattr(found, attribute)
    return executor
