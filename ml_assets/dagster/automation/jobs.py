"""Jobs: what is materialized together.

A job cannot mix daily and weekly partitions, hence one for each. When they run is in `schedules.py`.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition  # noqa: TID251 for mypy: the public type of define_asset_job

from ml_assets.dagster.assets.arms import has_experiments
from ml_assets.dagster.assets.report import NAME as REPORT
from ml_assets.dagster.checks.drift import drift_check_keys
from ml_assets.dagster.checks.freshness import freshness_check_keys, history_check_key
from ml_assets.dagster.shop import Shop
from ml_assets.subjects import Subject

# A run whose container was killed holds its place in the queue until then.
MAX_RUNTIME = {"dagster/max_runtime": "7200"}
# A step that fails is tried again after one and after three minutes: databases restart, object stores hiccup.
BACK_OFF = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def built_again(shop: Shop) -> list[str]:
    """What of `rebuild` is built again of a day that is not the newest: features, and what came of lists."""
    features = [name for name, subject in shop.settings.subjects.items() if subject.kind == "features"]
    return [*features, "experiment_outcomes", "live_quality"] if has_experiments(shop) else features


def models_of(subjects: Mapping[str, Subject]) -> list[str]:
    """What is trained once a week."""
    trained = [name for name, subject in subjects.items() if subject.kind == "model"]
    return ["recommender_backtest", *trained] if "recommender_model" in trained else trained


@dataclass(frozen=True)
class Jobs:
    """The jobs of one shop."""

    load_days: UnresolvedAssetJobDefinition
    daily_scoring: UnresolvedAssetJobDefinition
    weekly_training: UnresolvedAssetJobDefinition
    rebuild: UnresolvedAssetJobDefinition
    weekly_report: UnresolvedAssetJobDefinition | None
    """None where no page is wanted."""

    @property
    def all(self) -> list[UnresolvedAssetJobDefinition]:
        """In the order of the data flow."""
        jobs = [self.load_days, self.daily_scoring, self.weekly_training, self.rebuild]
        return [*jobs, self.weekly_report] if self.weekly_report else jobs


def build_jobs(shop: Shop, retry: dg.RetryPolicy | None = BACK_OFF) -> Jobs:
    """Loading, scoring, training and rebuilding.

    `retry` is for steps that fail; none where somebody waits at the screen.
    """
    raw = dg.AssetSelection.assets(*(shop.key(name) for name in ("transactions", "quarantined_transactions", "items")))
    models = dg.AssetSelection.assets(*(shop.key(name) for name in models_of(shop.settings.subjects)))
    page = dg.AssetSelection.assets(*([shop.key(REPORT)] if shop.settings.report.weekly else []))
    weekly = models | page
    # Shown by the sensor `alerts` without a run.
    freshness = dg.AssetSelection.checks(*freshness_check_keys(shop))
    drift = dg.AssetSelection.checks(*drift_check_keys(shop))
    # Raw days load many at once, the other assets a run a day; of the two Dagster takes the smaller, as it should.
    warnings.filterwarnings("ignore", message="Asset job .*daily_scoring materializes assets with varying")
    return Jobs(
        load_days=dg.define_asset_job(
            shop.prefixed("load_days"),
            selection=raw - freshness - drift,
            op_retry_policy=retry,
            description="Loads the events of one day or of a range of days.",
        ),
        daily_scoring=dg.define_asset_job(
            shop.prefixed("daily_scoring"),
            selection=(dg.AssetSelection.all() - weekly - freshness) | drift,
            tags=MAX_RUNTIME,
            op_retry_policy=retry,
            description="Loads a day, builds features, scores every customer and publishes the releases.",
        ),
        weekly_training=dg.define_asset_job(
            shop.prefixed("weekly_training"),
            # What is too old to be waited for is told beside the models that have not seen it.
            selection=(models - freshness) | dg.AssetSelection.checks(history_check_key(shop)),
            tags=MAX_RUNTIME,
            op_retry_policy=retry,
            description="Trains the models of a week on events before its Monday.",
        ),
        rebuild=dg.define_asset_job(
            shop.prefixed("rebuild"),
            selection=(dg.AssetSelection.all() - weekly - raw - freshness) | drift,
            tags=MAX_RUNTIME,
            op_retry_policy=retry,
            description="Builds a day again from raw days that changed.",
        ),
        weekly_report=dg.define_asset_job(
            shop.prefixed("weekly_report"),
            selection=page,
            op_retry_policy=retry,
            description="Writes the page about the shop, and tells the channels that want it.",
        )
        if shop.settings.report.weekly
        else None,
    )
