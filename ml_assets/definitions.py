"""The entry point that Dagster loads: settings in, definitions out. Wiring only."""

from datetime import date

import dagster as dg

from ml_assets.assets.descriptions import COLUMNS
from ml_assets.assets.features import build_feature_assets
from ml_assets.assets.models import build_model_assets
from ml_assets.assets.predictions import build_prediction_assets
from ml_assets.assets.raw import build_raw_assets
from ml_assets.assets.releases import build_release_assets
from ml_assets.assets.shop import Shop
from ml_assets.automation.alert_sensor import build_alert_sensor
from ml_assets.automation.checks import build_freshness_checks, build_history_check
from ml_assets.automation.drift_checks import build_drift_checks
from ml_assets.automation.failures import with_final_failures
from ml_assets.automation.jobs import BACK_OFF, build_jobs
from ml_assets.automation.partitions import build_calendar
from ml_assets.automation.policies import with_freshness_policies
from ml_assets.automation.progress import PROGRESS_LOGGER, progress_logger
from ml_assets.automation.retrain_sensor import build_retrain_sensor
from ml_assets.automation.schedules import build_schedules
from ml_assets.automation.source_sensor import build_source_sensor
from ml_assets.config import load_settings
from ml_assets.lake import Lake
from ml_assets.resources.lake import LakeIOManager
from ml_assets.resources.serving import ServingDatabase
from ml_assets.settings.shop import Settings
from ml_assets.sources.base import EventSource
from ml_assets.sources.build import build_source


def build_defs(
    settings: Settings,
    *,
    source: EventSource | None = None,
    today: date | None = None,
    retry: dg.RetryPolicy | None = BACK_OFF,
) -> dg.Definitions:
    """All definitions of one shop, on the source that the settings name and today's date unless given.

    Steps that fail are tried again by `retry`, unless a person must mend what failed.
    """
    source = source or build_source(settings, today=today)
    shop = Shop(settings, build_calendar(settings, source))
    lake, serving = Lake.of(settings), ServingDatabase(settings, source)
    assets = [
        *build_raw_assets(shop),
        *build_feature_assets(shop),
        *build_model_assets(shop),
        *build_prediction_assets(shop),
        *build_release_assets(shop),
    ]
    checks = [*build_freshness_checks(shop), build_history_check(shop), *build_drift_checks(shop)]
    jobs = build_jobs(shop, retry)
    return dg.Definitions(
        assets=with_final_failures(with_freshness_policies(assets, settings)),
        asset_checks=with_final_failures(checks),
        jobs=jobs.all,
        schedules=build_schedules(shop, jobs),
        sensors=[build_alert_sensor(shop), build_source_sensor(shop, jobs), build_retrain_sensor(shop, jobs)],
        resources={
            "lake": lake,
            "source": source,
            "serving": serving,
            "io_manager": LakeIOManager(lake, serving.note_arrival, COLUMNS, settings.keep_days),
        },
        loggers={"console": dg.colored_console_logger, PROGRESS_LOGGER: progress_logger},
        # A step of the daily chain takes seconds; a process for each would take longer than its work.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The shop that `ML_ASSETS_CONFIG`, `ml_assets.yaml` or the defaults describe."""
    return build_defs(load_settings())
