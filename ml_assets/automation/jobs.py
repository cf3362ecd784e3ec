"""Jobs: what is materialized together.

A job cannot mix daily and weekly partitions, hence one for each. When they run is in `schedules.py`.
"""

import warnings
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from ml_assets.assets.shop import Shop
from ml_assets.automation.checks import freshness_check_keys

# A run whose container was killed holds its place in the queue until then.
MAX_RUNTIME = {"dagster/max_runtime": "7200"}


@dataclass(frozen=True)
class Jobs:
    """The jobs of one shop."""

    load_days: UnresolvedAssetJobDefinition
    daily_scoring: UnresolvedAssetJobDefinition
    weekly_training: UnresolvedAssetJobDefinition
    freshness: UnresolvedAssetJobDefinition

    @property
    def all(self) -> list[UnresolvedAssetJobDefinition]:
        """In the order of the data flow."""
        return [self.load_days, self.daily_scoring, self.weekly_training, self.freshness]


def job_name(shop: Shop, name: str) -> str:
    """The name of a job, prefixed for a named shop."""
    return f"{shop.settings.name}_{name}" if shop.settings.name else name


def build_jobs(shop: Shop) -> Jobs:
    """Loading, scoring, training and freshness checks."""
    raw = dg.AssetSelection.assets(*(shop.key(name) for name in ("transactions", "quarantined_transactions", "items")))
    models = dg.AssetSelection.assets(
        *(shop.key(name) for name in ("recommender_backtest", "recommender_model", "segmentation_model"))
    )
    freshness = dg.AssetSelection.checks(*freshness_check_keys(shop))
    # Raw days load many at once, the other assets a run a day; of the two Dagster takes the smaller, as it should.
    warnings.filterwarnings("ignore", message="Asset job .*daily_scoring materializes assets with varying")
    return Jobs(
        load_days=dg.define_asset_job(
            job_name(shop, "load_days"),
            selection=raw - freshness,
            description="Loads the events of one day or of a range of days.",
        ),
        daily_scoring=dg.define_asset_job(
            job_name(shop, "daily_scoring"),
            selection=(dg.AssetSelection.all() - models) | freshness,
            tags=MAX_RUNTIME,
            description="Loads a day, builds features, scores every customer and publishes the releases.",
        ),
        weekly_training=dg.define_asset_job(
            job_name(shop, "weekly_training"),
            selection=models - freshness,
            tags=MAX_RUNTIME,
            description="Trains the models of a week on events before its Monday.",
        ),
        freshness=dg.define_asset_job(
            job_name(shop, "freshness"),
            selection=freshness,
            description="Asks the database how old everything is.",
        ),
    )
