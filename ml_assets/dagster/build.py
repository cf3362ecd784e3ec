"""All definitions of one shop: settings in, definitions out.

Wiring only; assets, checks and automation are in the rooms beside.
"""

from datetime import date

import dagster as dg

from ml_assets.dagster.assets.arms import build_arm_assets
from ml_assets.dagster.assets.customers import build_customer_assets
from ml_assets.dagster.assets.descriptions import COLUMNS
from ml_assets.dagster.assets.experiments import build_experiment_assets
from ml_assets.dagster.assets.features import build_feature_assets
from ml_assets.dagster.assets.live_quality import build_live_quality
from ml_assets.dagster.assets.models import build_model_assets
from ml_assets.dagster.assets.opt_outs import build_opt_outs
from ml_assets.dagster.assets.predictions import build_prediction_assets
from ml_assets.dagster.assets.raw import build_raw_assets
from ml_assets.dagster.assets.releases import build_release_assets
from ml_assets.dagster.assets.report import build_report
from ml_assets.dagster.automation.alert_sensor import build_alert_sensor
from ml_assets.dagster.automation.jobs import BACK_OFF, build_jobs
from ml_assets.dagster.automation.micro_batch import build_micro_batch, build_micro_batch_schedule
from ml_assets.dagster.automation.policies import with_freshness_policies
from ml_assets.dagster.automation.retrain_sensor import build_retrain_sensor
from ml_assets.dagster.automation.schedules import build_schedules
from ml_assets.dagster.automation.source_sensor import build_source_sensor
from ml_assets.dagster.checks.drift import build_drift_checks
from ml_assets.dagster.checks.freshness import build_freshness_checks, build_history_check
from ml_assets.dagster.compute import build_compute
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.executors import build_executor
from ml_assets.dagster.io_manager import LakeIOManager
from ml_assets.dagster.progress import PROGRESS_LOGGER, progress_logger
from ml_assets.dagster.shop import Shop
from ml_assets.lake import Lake
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
    # The calendar's source has read the files; what it keeps of them would take room for as long as this process lives.
    shop = Shop.of(settings, source or build_source(settings, today=today))
    source = source or build_source(settings, today=today)
    return define(shop, source, Lake.of(settings), ServingDatabase(settings, source), retry=retry)


def define(
    shop: Shop, source: EventSource, lake: Lake, serving: ServingDatabase, *, retry: dg.RetryPolicy | None
) -> dg.Definitions:
    """The definitions of a shop whose source, lake and database are open already."""
    assets = [
        *build_raw_assets(shop),
        *build_opt_outs(shop),
        *build_feature_assets(shop),
        *build_model_assets(shop),
        *build_prediction_assets(shop),
        *build_customer_assets(shop),
        *build_arm_assets(shop),
        *build_release_assets(shop),
        *build_experiment_assets(shop),
        *build_live_quality(shop),
        *build_report(shop),
    ]
    checks = [*build_freshness_checks(shop), build_history_check(shop), *build_drift_checks(shop)]
    jobs = build_jobs(shop, retry)
    micro_batch = build_micro_batch(shop)
    between = build_micro_batch_schedule(shop, micro_batch)
    return dg.Definitions(
        assets=with_freshness_policies(assets, shop.settings),
        asset_checks=checks,
        jobs=[*jobs.all, *([micro_batch] if micro_batch else [])],
        schedules=[*build_schedules(shop, jobs), *([between] if between else [])],
        sensors=[build_alert_sensor(shop), build_source_sensor(shop, jobs), build_retrain_sensor(shop, jobs)],
        resources={
            "lake": lake,
            "source": source,
            "serving": serving,
            "compute": build_compute(shop.settings.compute),
            "io_manager": LakeIOManager(
                lake, serving.note_arrival, COLUMNS, shop.settings.keep_days, without_erased=serving.without_erased
            ),
        },
        loggers={"console": dg.colored_console_logger, PROGRESS_LOGGER: progress_logger},
        executor=build_executor(shop.settings),
    )
