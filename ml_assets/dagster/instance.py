"""The Dagster instance behind the commands: a home folder with a dagster.yaml, and storage in PostgreSQL.

A `DAGSTER_HOME` that is already set is used as it is; otherwise one is kept in the project's home folder, with the
same storage, queue, logs and monitoring as `docker/dagster.yaml`.
"""

import os
from pathlib import Path

import dagster as dg

from ml_assets.dagster.storage_waits import STORAGE_VARIABLE, bound_storage_waits
from ml_assets.database.connection import sqlalchemy_url
from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings
from ml_assets.whole_files import close_to_others, make_private

DEFAULT_HOME = ".ml_assets"
DAGSTER_YAML = f"""# Written by ml-assets; set DAGSTER_HOME to use an instance of your own.
storage:
  postgres:
    postgres_url: {{env: {STORAGE_VARIABLE}}}
run_coordinator: {{module: dagster.core.run_coordinator, class: QueuedRunCoordinator}}
concurrency:
  runs: {{max_concurrent_runs: 2, tag_concurrency_limits: [{{key: dagster/backfill, limit: 1}}]}}
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  max_runtime_seconds: 14400
run_retries: {{enabled: true, max_retries: 1, retry_on_asset_or_op_failure: false}}
retention:
  schedule: {{purge_after_days: 90}}
  sensor: {{purge_after_days: {{skipped: 7, failure: 30, success: 90}}}}
schedules: {{use_threads: true, num_workers: 2}}
sensors: {{use_threads: true, num_workers: 2}}
# Waits for others, beside the steps that wait.
python_logs: {{managed_python_loggers: [ml_assets], python_log_level: INFO}}
telemetry: {{enabled: false}}
nux: {{enabled: false}}
"""


def prepare_dagster_home(settings: Settings) -> Path:
    """Make sure that Dagster finds its home and storage; returns the home.

    Sets DAGSTER_HOME and the storage variable for this process and its children. The URL holds the database
    password, so it travels by environment and is never written to the file.
    """
    _close(settings.home)
    if given := os.environ.get("DAGSTER_HOME"):
        home = Path(given)
        if not home.is_dir():
            raise UserError(f"DAGSTER_HOME names {home}, which is no folder.", "Create it, or unset the variable.")
        return home
    home = settings.home / "dagster"
    # Dagster's log of runs may lose its last moments when the machine dies; the shop's tables may not.
    options = "-csynchronous_commit=off" if settings.database_url is None else ""
    url = sqlalchemy_url(settings, options=options)
    try:
        make_private(home)
        if not (home / "dagster.yaml").is_file() or (home / "dagster.yaml").read_text("utf-8") != DAGSTER_YAML:
            temporary = home / f".dagster-{os.getpid()}.yaml"
            temporary.write_text(DAGSTER_YAML, encoding="utf-8")
            temporary.replace(home / "dagster.yaml")
    except OSError as error:
        raise UserError(
            f"The home folder {settings.home} cannot be written: {error.strerror}.",
            "Make it writable, or set ML_ASSETS_HOME to another folder.",
        ) from error
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ[STORAGE_VARIABLE] = url
    return home


def _close(home: Path) -> None:
    """Let nobody else look into what earlier versions left open.

    The home itself only where it has the name that we gave it; under root the account of the embedded PostgreSQL passes
    through it.
    """
    for name in ("lake", "dagster", "exports"):
        close_to_others(home / name)
    if home.name == DEFAULT_HOME:
        close_to_others(home, pass_through=os.geteuid() == 0)


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance, its storage created on first use."""
    prepare_dagster_home(settings)
    # Materializations of a range of days are stored a batch at a time instead of one by one.
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "500")
    bound_storage_waits()
    instance = dg.DagsterInstance.get()
    # Otherwise every event opens two connections of its own, and loading ten months of days has 1,200 events.
    instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=600, max_overflow=4)
    return instance
